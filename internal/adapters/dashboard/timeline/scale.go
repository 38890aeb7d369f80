package timeline

import (
	"slices"
	"sort"
	"time"
)

// scale maps instants to percent of the width. It is linear in each of its stretches.
type scale struct {
	from                 time.Time
	stretches            []stretch
	shortened, shortable bool
}

// stretch is a part of the scale.
type stretch struct {
	interval
	x, w  float64 // percent
	short bool    // drawn shorter than it is
}

func (s stretch) lasts() time.Duration { return s.to.Sub(s.from) }

// newScale divides the time where something begins or ends. What lies between is a gap unless a function ran in it;
// gaps that are long beside the work are shortened, unless linear.
func newScale(from, to time.Time, work []interval, moments []time.Time, linear bool) *scale {
	s := &scale{from: from}
	parts := divide(from, to, work, moments)
	limit := longest(parts)
	total := 0.0
	for i := range parts {
		p := &parts[i]
		p.short = p.idle && limit > 0 && p.lasts() > 3*limit
		if p.short {
			s.shortable = true
		}
		if p.short && !linear {
			s.shortened = true
			total += float64(limit)
		} else {
			p.short = false
			total += float64(p.lasts())
		}
	}
	x := 0.0
	for _, p := range parts {
		size := float64(p.lasts())
		if p.short {
			size = float64(limit)
		}
		p.x, p.w = x, 100*size/total
		x += p.w
		s.append(p.stretch)
	}
	return s
}

// append joins stretches of one pace, so that ticks run on over them.
func (s *scale) append(p stretch) {
	if n := len(s.stretches); n > 0 && !p.short && !s.stretches[n-1].short {
		s.stretches[n-1].to = p.to
		s.stretches[n-1].w += p.w
		return
	}
	s.stretches = append(s.stretches, p)
}

type part struct {
	stretch

	idle bool
}

// divide cuts [from, to] at the moments and tells the idle parts from those in which a function ran.
func divide(from, to time.Time, work []interval, moments []time.Time) []part {
	cuts := []time.Time{from, to}
	for _, w := range work {
		cuts = append(cuts, w.from, w.to)
	}
	cuts = append(cuts, moments...)
	slices.SortFunc(cuts, time.Time.Compare)
	busy := union(work)
	var parts []part
	at := from
	for _, cut := range cuts {
		if !cut.After(at) || cut.After(to) {
			continue
		}
		p := part{stretch: stretch{interval: interval{at, cut}}}
		p.idle = !covered(busy, at, cut)
		parts = append(parts, p)
		at = cut
	}
	return parts
}

// union merges overlapping intervals, sorted.
func union(in []interval) []interval {
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b interval) int { return a.from.Compare(b.from) })
	var out []interval
	for _, i := range in {
		if n := len(out); n > 0 && !i.from.After(out[n-1].to) {
			if i.to.After(out[n-1].to) {
				out[n-1].to = i.to
			}
			continue
		}
		out = append(out, i)
	}
	return out
}

// covered reports whether [from, to] lies in one of the sorted intervals.
func covered(busy []interval, from, to time.Time) bool {
	i := sort.Search(len(busy), func(i int) bool { return busy[i].to.After(from) })
	return i < len(busy) && !busy[i].from.After(from) && !busy[i].to.Before(to)
}

// longest is how much of the scale a gap may take, beside the work that is to be seen; 0 if there is no work.
func longest(parts []part) time.Duration {
	var work, gaps time.Duration
	n := 0
	for i := range parts {
		if parts[i].idle {
			gaps += parts[i].lasts()
			n++
		} else {
			work += parts[i].lasts()
		}
	}
	if n == 0 || work <= 0 || gaps < work {
		return 0
	}
	share := min(0.35, 1.2/float64(n))
	return max(time.Duration(float64(work)*share), 10*time.Microsecond)
}

// at is where t is, in percent; what lies outside is at the edge.
func (s *scale) at(t time.Time) float64 {
	n := len(s.stretches)
	i := sort.Search(n, func(i int) bool { return s.stretches[i].to.After(t) })
	if i == n {
		return 100
	}
	p := s.stretches[i]
	if t.Before(p.from) {
		return p.x
	}
	return min(100, p.x+p.w*float64(t.Sub(p.from))/float64(p.lasts()))
}

// breaks lists the waits that were shortened.
func (s *scale) breaks() []Break {
	var out []Break
	for _, p := range s.stretches {
		if p.short {
			out = append(out, Break{X: p.x, W: p.w, Lasts: p.lasts()})
		}
	}
	return out
}

// apart is the least distance between two ticks, in percent.
const apart = 12

// ticks marks round times in the first stretch, and the beginning of each one after a shortened wait.
func (s *scale) ticks() []Tick {
	var out []Tick
	add := func(x float64, after time.Duration) {
		if n := len(out); n == 0 || x-out[n-1].X >= apart {
			out = append(out, Tick{X: x, After: after})
		}
	}
	for i, p := range s.stretches {
		if p.short {
			continue
		}
		after := p.from.Sub(s.from)
		if p.w > 3 {
			add(p.x, after)
		}
		if i > 0 || p.w < apart {
			continue // "3 d 4 h 200 ms" says too much
		}
		step := round(time.Duration(float64(p.lasts()) * apart / p.w))
		for t := step; t < p.lasts(); t += step {
			x := p.x + p.w*float64(t)/float64(p.lasts())
			if x > 93 {
				break
			}
			add(x, after+t)
		}
	}
	return out
}

var steps = func() []time.Duration {
	var out []time.Duration
	for d := time.Microsecond; d < time.Second; d *= 10 {
		out = append(out, d, 2*d, 5*d)
	}
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		for _, n := range []int{1, 2, 5, 10, 15, 30} {
			out = append(out, time.Duration(n)*unit)
		}
	}
	for _, hours := range []int{1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 365 * 24} {
		out = append(out, time.Duration(hours)*time.Hour)
	}
	return out
}()

// round is the smallest round step that is at least d.
func round(d time.Duration) time.Duration {
	for _, s := range steps {
		if s >= d {
			return s
		}
	}
	return d
}
