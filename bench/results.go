package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// result is one measurement.
type result struct {
	System   string  `json:"system"`
	Workload string  `json:"workload"`
	Metric   string  `json:"metric"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Settings string  `json:"settings"`
}

// results writes each measurement as it comes, and all of them at the end.
type results struct {
	lines io.Writer
	all   []result
}

func (r *results) add(x result) error {
	x.Value = rounded(x.Value)
	r.all = append(r.all, x)
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.lines, "%s\n", raw)
	return err
}

// rounded keeps four digits: the rest is noise.
func rounded(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-3)
	out, _ := strconv.ParseFloat(strconv.FormatFloat(math.Round(v/unit)*unit, 'g', 6, 64), 64)
	return out
}

func (r *results) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nsystem\tworkload\tmetric\tvalue\tunit\tsettings")
	for _, x := range r.all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%s\t%s\n", x.System, x.Workload, x.Metric, x.Value, x.Unit, x.Settings)
	}
	return t.Flush()
}

// percentile of the durations, which it sorts, in milliseconds.
func percentile(ds []time.Duration, p float64) float64 {
	slices.Sort(ds)
	i := min(len(ds)-1, int(math.Ceil(p*float64(len(ds))))-1)
	return ms(ds[max(0, i)])
}

// median of the values, which it sorts.
func median(vs []float64) float64 {
	slices.Sort(vs)
	n := len(vs)
	if n == 0 {
		return 0
	}
	return (vs[(n-1)/2] + vs[n/2]) / 2
}

// pairs is how often a figure and what it is compared with are measured in turn: one pair alone is noise on a
// machine that does other things too.
const pairs = 5

// paired measures two rates in turn, each pair in the reverse order of the one before, and returns the median of
// each, and the ratios of a to b, sorted.
func paired(a, b func() (float64, error)) (ofA, ofB float64, ratios []float64, err error) {
	return pairedTimes(pairs, a, b)
}

// pairedTimes is paired with another number of pairs.
func pairedTimes(n int, a, b func() (float64, error)) (ofA, ofB float64, ratios []float64, err error) {
	var as, bs []float64
	for i := range n {
		turns := []func() error{
			func() error { return appendTo(&as, a) },
			func() error { return appendTo(&bs, b) },
		}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return 0, 0, nil, err
			}
		}
		ratios = append(ratios, as[i]/bs[i])
	}
	slices.Sort(ratios)
	return median(as), median(bs), ratios, nil
}

func appendTo(vs *[]float64, f func() (float64, error)) error {
	v, err := f()
	*vs = append(*vs, v)
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }
