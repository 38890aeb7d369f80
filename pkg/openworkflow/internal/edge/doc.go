// Package edge holds what packages openworkflow and step share and users need not see: the codec between
// Go values and stored JSON, the checks of names, and the settings that travel with a run's context.
//
// What may enter: conversions and checks at the border of the public API that both packages need. No
// decisions about runs, no access to a backend. It imports domain, engine and the standard library.
package edge
