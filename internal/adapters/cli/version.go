package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// modulePath is the library's, under which a user's own program finds its version.
const modulePath = "github.com/openworkflowdev/openworkflow-go"

func (a *app) version() *cobra.Command {
	cmd := a.command("version", "Print the version of this program", cobra.NoArgs, nil)
	cmd.RunE = func(*cobra.Command, []string) error { // whatever the configuration is
		info, ok := debug.ReadBuildInfo()
		if !ok {
			info = &debug.BuildInfo{}
		}
		v := buildOf(info)
		return a.print(v, func(p *page) error { return p.line("%s", v) })
	}
	return cmd
}

// build is what is known about this program.
type build struct {
	Version  string `json:"version"` // the library's, as Go recorded it
	Revision string `json:"revision,omitempty"`
	Changed  bool   `json:"changed,omitempty"` // since that revision
	Go       string `json:"go,omitempty"`
}

func (b build) String() string {
	out := "openworkflow " + b.Version
	revision := b.Revision[:min(12, len(b.Revision))]
	if b.Changed {
		revision += "+changes"
	}
	switch {
	case revision != "" && b.Go != "":
		return fmt.Sprintf("%s (%s, %s)", out, revision, b.Go)
	case b.Go != "":
		return fmt.Sprintf("%s (%s)", out, b.Go)
	}
	return out
}

// buildOf finds the library's version: the program's own, or that of the dependency. The commit is known if
// the program was built in a checkout of the library.
func buildOf(info *debug.BuildInfo) build {
	b := build{Version: info.Main.Version, Go: info.GoVersion}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			b.Version = dep.Version
			if dep.Replace != nil {
				b.Version = dep.Replace.Version
			}
			return b.orDevel()
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b.orDevel()
}

func (b build) orDevel() build {
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}
