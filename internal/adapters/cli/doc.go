// Package cli holds the commands of the openworkflow program. Each is a function over the writers, the
// arguments and the variables it is given, so that tests call it as a shell would.
//
// What may enter: parsing of flags and URLs, and the rendering of what the public packages answer. No
// decision about workflows, no SQL, and no line of output that holds a password or a payload. It uses
// pkg/openworkflow and its constructor packages, never the stores themselves.
package cli
