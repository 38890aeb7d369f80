// Package crashtest kills workers. Its test starts worker processes on one database, kills, freezes and stops
// them at random while hundreds of runs go on, and then shows from a log of side effects that is kept outside the
// database, and from the rows, that the invariants of the engine held. It runs on SQLite, and on Postgres where
// OPENWORKFLOW_TEST_POSTGRES_URL names a server.
//
// Where there is a standby (OPENWORKFLOW_TEST_POSTGRES_STANDBY), another test has it take the server's place meanwhile.
//
// OPENWORKFLOW_CRASH_SECONDS sets for how long workers are killed (half of it on SQLite), OPENWORKFLOW_SOAK does the same as a duration
// (10m), and OPENWORKFLOW_CRASH_SEED repeats the choices of an earlier run, as far as timing lets it.
//
// What may enter: test code only. It uses the public packages, as a service would.
package crashtest
