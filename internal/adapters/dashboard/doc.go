// Package dashboard is the web UI: handlers, templates and assets, rendered on the server and complete without scripts;
// scripts add live updates, dialogs and shortcuts. pkg/openworkflow/dashboard is its public face.
//
// Links are relative to the page they are on, so that the handler works below any path, whoever cut the prefix off.
// A page's parts that change have names; a feed reads the database once for all who look at the same page and hands each
// of them the parts that changed.
//
// What may enter: reading requests, asking package openworkflow, and showing its answers. No decision about workflows, no
// SQL, no store, nothing that a build step makes. Every payload goes through the redaction hook, every error through fail.
package dashboard
