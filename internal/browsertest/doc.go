// Package browsertest looks at the dashboard with a real browser: every page, every action, light and dark, wide and narrow,
// with and without scripts, on SQLite and Postgres. It is a module of its own, so that the browser's driver never reaches
// users of the library.
//
//	make test-browser     # from the root: finds or installs Chromium, npm ci's axe-core, starts Postgres
//
// What may enter: tests, and the story that they are told about (package story, which the demo serves too).
package browsertest
