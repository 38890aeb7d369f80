// Package dashboard is the web UI of OpenWorkflow: runs with their timelines, workflows, workers, and forms that start,
// cancel, rerun and signal runs. Handler mounts it in a server of your own, behind your own authentication; Serve runs one.
//
//	h, err := dashboard.Handler(ow, dashboard.Options{})
//	if err != nil {
//		return err
//	}
//	mux.Handle("/workflows/", requireAdmin(http.StripPrefix("/workflows", h)))
//
// It shows one namespace: the client's. It needs no build step, fetches nothing from elsewhere, and works without
// scripts; with them pages follow what happens. docs/dashboard.md has what operators want to know.
//
// What may enter: the options and the server around internal/adapters/dashboard, which does the work.
package dashboard
