// Package health answers the probes of load balancers and of Kubernetes: is the process alive, and is it ready for
// work?
//
//	checks := health.New(health.Options{Database: ow, Workers: []*openworkflow.Worker{worker}})
//	checks.Register(mux) // GET /healthz and GET /readyz
//
// What may enter: checks and their handlers, with the standard library alone.
package health
