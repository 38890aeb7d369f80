package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// tick is the unit of /proc's process times; Linux shows programs no other.
const tick = 10 * time.Millisecond

// meter reads processor time: what something costs there says more on a busy machine than how long it takes.
type meter struct {
	postmaster string // its process id; "" where the server is not on this machine
}

// usage is processor time used until some moment.
type usage struct{ ours, servers time.Duration }

// newMeter finds the server's processes where they run on this machine.
func newMeter(ctx context.Context, p place) meter {
	if p.Backend != "postgres" {
		return meter{}
	}
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		return meter{}
	}
	defer conn.Close(ctx)
	pid := strconv.FormatUint(uint64(conn.PgConn().PID()), 10)
	raw, err := os.ReadFile("/proc/" + pid + "/cmdline")
	port := conn.PgConn().Conn().LocalAddr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	if err != nil || !strings.Contains(string(raw), "("+port+")") { // some other process of that number
		return meter{}
	}
	return meter{postmaster: parentOf(pid)}
}

func (m meter) read() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.servers()}
}

// servers is the time of the postmaster and of its children, those that have ended included.
func (m meter) servers() time.Duration {
	if m.postmaster == "" {
		return 0
	}
	var ticks int64
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		fields := statOf(p.Name())
		if len(fields) < 15 || (p.Name() != m.postmaster && fields[1] != m.postmaster) {
			continue
		}
		for _, f := range fields[11:15] { // user, system, and those of children that were waited for
			n, _ := strconv.ParseInt(f, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// statOf is a process's line in /proc from its state on: fields[1] is its parent.
func statOf(pid string) []string {
	if pid[0] < '0' || pid[0] > '9' {
		return nil
	}
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	line := string(raw)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

func parentOf(pid string) string {
	if fields := statOf(pid); len(fields) > 1 {
		return fields[1]
	}
	return ""
}

// since is what was used since an earlier reading.
func (u usage) since(before usage) usage {
	return usage{u.ours - before.ours, u.servers - before.servers}
}

// reportCPU notes what each of n runs cost: the worker's process, and the server if it is on this machine.
func (b *bench) reportCPU(system string, used usage, n int) error {
	for _, x := range []struct {
		whose string
		took  time.Duration
	}{{"worker's process", used.ours}, {"server", used.servers}} {
		if x.took == 0 {
			continue
		}
		each := float64(x.took.Nanoseconds()) / 1000 / float64(n)
		settings := fmt.Sprintf("a run's share of %.2g s", x.took.Seconds())
		if err := b.out.add(result{system, b.workload, "processor time of the " + x.whose, each, "µs", settings}); err != nil {
			return err
		}
	}
	return nil
}
