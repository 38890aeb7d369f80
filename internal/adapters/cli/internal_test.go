package cli

import (
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"nothing known", debug.BuildInfo{}, "openworkflow (devel)"},
		{"installed", debug.BuildInfo{GoVersion: "go1.26.1", Main: debug.Module{Version: "v1.2.3"}}, "openworkflow v1.2.3 (go1.26.1)"},
		{"a user's own program", debug.BuildInfo{
			GoVersion: "go1.26.1", Main: debug.Module{Path: "example.com/app", Version: "v9.9.9"},
			Deps:     []*debug.Module{{Path: modulePath, Version: "v1.2.3"}},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}},
		}, "openworkflow v1.2.3 (go1.26.1)"},
		{"with a replaced library", debug.BuildInfo{
			Deps: []*debug.Module{{Path: modulePath, Version: "v1.2.3", Replace: &debug.Module{Path: "../openworkflow-go"}}},
		}, "openworkflow (devel)"},
		{"checkout", debug.BuildInfo{
			GoVersion: "go1.26.1",
			Main:      debug.Module{Version: "(devel)"},
			Settings:  []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
		}, "openworkflow (devel) (0123456789ab+changes, go1.26.1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := buildOf(&tt.info).String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRedactText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, dsn, text, want string }{
		{"whole URL", "postgres://u:s3cret@h/db", "cannot use postgres://u:s3cret@h/db", "cannot use postgres://u:xxxxx@h/db"},
		{"anywhere", "postgres://u:s3cret@h/db", `sent "s3cret" to h`, `sent "xxxxx" to h`},
		{"parameter", "postgres://u@h/db?password=s3cret", "password=s3cret refused", "password=xxxxx refused"},
		{"encoded", "postgres://u:p%40ss%2Fw%20d@h/db", "p@ss/w d p%40ss%2Fw%20d p%40ss%2Fw+d", "xxxxx xxxxx xxxxx"},
		{"equal to the user", "postgres://app:app@h/db", `postgres://app:app@h: user "app"`, `postgres://app:xxxxx@h: user "app"`},
		{"none", "postgres://u@h/db", "connection refused", "connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := redactText(tt.text, tt.dsn); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
