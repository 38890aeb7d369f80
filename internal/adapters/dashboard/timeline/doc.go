// Package timeline lays a run's step attempts out as a Gantt chart: a row per step, segments for what happened when, and a
// scale on which long waits may be shortened so that the work between them can be seen.
//
// What may enter: arithmetic from records to positions in percent. No HTML, no clock, no reading of stores.
package timeline
