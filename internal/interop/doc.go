// Package interop proves that Go and TypeScript services can share one OpenWorkflow database. Its tests start
// Node processes with the real npm package openworkflow (folder typescript, pinned by its package-lock.json) and
// drive them over standard input and output, beside Go clients and workers, on Postgres: either language starts,
// signals, cancels and finishes the other's runs, in databases that either of them has made.
//
// They are skipped where there is no Postgres (OPENWORKFLOW_TEST_POSTGRES_URL) and where there is no Node of
// version 20 or newer with the package: in typescript/node_modules (run npm ci there), in the folder that
// OPENWORKFLOW_TEST_NODE_MODULES names, or installed by npm for the time of the test.
//
// Two things that they found cannot be helped from here. TypeScript services must be stopped while Go's migrations
// add columns: their driver, postgres.js, repeats a statement whose result has changed, and encodes its JSON a
// second time. And a TypeScript worker that does not know a workflow fails a run of it for good when the run has a
// deadline that comes before the worker's next try: workflows with deadlines are registered in both languages, or
// have a namespace of their own.
//
// What may enter: test code, in both languages. It uses the public packages, as a service would.
package interop
