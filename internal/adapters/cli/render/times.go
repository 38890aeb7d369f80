package render

import (
	"fmt"
	"strconv"
	"time"
)

// Ago says how long before now a time was, or how long after it will be: "3m ago", "in 2h". Beyond a month it
// is the date. The zero time is "-".
func Ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch ahead := (-d).Round(time.Second); {
	case ahead > month:
		return t.UTC().Format(time.DateOnly)
	case ahead >= time.Second:
		return "in " + coarse(ahead)
	case d < time.Second:
		return "now"
	case d > month:
		return t.UTC().Format(time.DateOnly)
	}
	return coarse(d) + " ago"
}

const (
	day   = 24 * time.Hour
	month = 30 * day
)

// coarse is a duration in its largest unit, rounded down.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 2*day:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/day)) + "d"
}

// Duration writes a duration with about three digits: "7ms", "1.24s", "3m12s", "5h04m", "2d03h".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Millisecond:
		return "0ms"
	case d < time.Second:
		return strconv.Itoa(int(d/time.Millisecond)) + "ms"
	case d < 10*time.Second:
		return trimZeros(fmt.Sprintf("%.2f", d.Truncate(10*time.Millisecond).Seconds())) + "s"
	case d < time.Minute:
		return trimZeros(fmt.Sprintf("%.1f", d.Truncate(100*time.Millisecond).Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}

func trimZeros(number string) string {
	for number[len(number)-1] == '0' {
		number = number[:len(number)-1]
	}
	if number[len(number)-1] == '.' {
		number = number[:len(number)-1]
	}
	return number
}

// Time is a point in time, to the millisecond, in UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

// Count writes a number with a thin mark between thousands: 1 234 567.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// Bytes writes a size in memory's units.
func Bytes(n int64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	size, unit := float64(n), 0
	for size >= step && unit < len(units)-1 {
		size /= step
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
