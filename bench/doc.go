// Command bench measures OpenWorkflow on Postgres and SQLite. It is a module of its own, so that what it needs
// never reaches users of the library.
//
//	go run . [-backend postgres,sqlite] [-workloads floor,W0,W1,…] [-postgres URL] [-quick]
//	         [-others 100000] [-sleepers 5000] [-sleep 10s] [-idle 20s]
//	go run . -compare [-workloads W0,W1,…] [-rounds 3] [-postgres URL] [-quick] [-flush-delay 250us]
//
// Each measurement is a line of JSON on standard output, {system, workload, metric, value, unit, settings}, and
// a table of all of them follows at the end. The Postgres server is the one that -postgres or
// OPENWORKFLOW_TEST_POSTGRES_URL names (scripts/with-postgres.sh starts one); each workload gets a schema or file
// of its own, made a moment before and without statistics, and removed afterwards.
//
//	floor  what the same rows cost without OpenWorkflow: bare SQL, in batches
//	W0     drain of runs without steps
//	W1     drain of runs with one step that does nothing
//	W2     drain of runs with ten steps, one after the other
//	W3     start to result on an idle worker, client and worker in two processes
//	W4     starting runs: one goroutine, 32 goroutines, batches
//	W5     runs with 100 steps, and one that gets 100 000 (SQLite: 10 000)
//	W6     resuming a run with 500 and with 10 000 recorded steps
//	W7     W1 beside -others runs of another workflow, in the future, or of the same workflow, and alone, in turn
//	W8     -sleepers runs that sleep for a second to -sleep: how late they wake
//	W9     a parent that starts 1 000 children and waits for them
//	W10    what an idle worker asks of the server in a minute, counted for -idle at least (Postgres only)
//	W11    the memory of a parked run that is resident
//	pages  the dashboard's pages beside 1 000 000 runs, at the server (Postgres only; only when it is named)
//	fresh  W0, W1, W2, W5 and W6 on a new database and on an analysed one, in turn (Postgres only)
//
// With -compare, W0 to W6 are measured on Postgres in turn with River and, where there are node and npm, with the
// TypeScript OpenWorkflow (the program in typescript/, whose packages npm ci fetches), and W1 and W2 on SQLite with the
// latter, -rounds times; then come the
// medians, and the median of the rounds' ratios: above 1, ours is better. docs/benchmarks.md has the method.
//
// With -flush-delay everything is measured on a Postgres server of its own whose flushes take so much longer, as on a slower
// disk (slowflush.go). First comes the time that the disk takes to acknowledge a flush, and that of a commit: compare only what was measured with the same.
// A drain counts from before the worker starts until it has stopped, with everything committed. Nothing is
// measured with fsync or synchronous_commit off: a server that has them off is refused.
package main
