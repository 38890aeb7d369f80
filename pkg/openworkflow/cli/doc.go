// Package cli gives your own program the commands of the openworkflow program, with your workflows compiled
// in: so it can run workers too.
//
//	func main() {
//		os.Exit(cli.Run(context.Background(), cli.Options{Workflows: openworkflow.Workflows(Greet)}))
//	}
//
// Then `yourprogram worker start` executes runs, `yourprogram runs list` lists them, `yourprogram --help` shows
// the rest. The database is the one that flags, OPENWORKFLOW_URL, .env or openworkflow.yaml name (docs/cli.md).
// A program that opens its database itself calls Main, or Run with Options.Client.
//
// It links both drivers, cobra and what the dashboard needs. Services that only start runs, or run a worker in
// a process of their own making, use package openworkflow alone.
//
// What may enter: the way in. The commands live in internal/adapters/cli.
package cli
