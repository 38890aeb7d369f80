package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), describeBuild(info))
			return err
		},
	}
}

// describeBuild is "openworkflow VERSION (REVISION, GO)": the version of the module as Go recorded it, and
// the commit if the program was built in a checkout.
func describeBuild(info *debug.BuildInfo) string {
	version, revision, dirty := info.Main.Version, "", ""
	if version == "" {
		version = "(devel)"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	out := "openworkflow " + version
	switch {
	case revision != "" && info.GoVersion != "":
		return fmt.Sprintf("%s (%s%s, %s)", out, revision, dirty, info.GoVersion)
	case info.GoVersion != "":
		return fmt.Sprintf("%s (%s)", out, info.GoVersion)
	}
	return out
}
