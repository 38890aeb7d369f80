package main

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
)

// profile says which profiles of the measuring process are written, and where.
type profile struct{ cpu, mutex, block, allocs string }

func (p *profile) flags(f *flag.FlagSet) {
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile to this `file`")
	f.StringVar(&p.mutex, "mutexprofile", "", "write a profile of contended mutexes to this `file`")
	f.StringVar(&p.block, "blockprofile", "", "write a profile of blocking to this `file`")
	f.StringVar(&p.allocs, "memprofile", "", "write a profile of allocations to this `file`")
}

// start begins the profiles and returns what writes them.
func (p *profile) start() (finish func() error, err error) {
	if p.mutex != "" {
		runtime.SetMutexProfileFraction(10)
	}
	if p.block != "" {
		runtime.SetBlockProfileRate(10_000)
	}
	var cpu *os.File
	if p.cpu != "" {
		if cpu, err = os.Create(p.cpu); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, err
		}
	}
	return func() error {
		var errs []error
		if cpu != nil {
			pprof.StopCPUProfile()
			errs = append(errs, cpu.Close())
		}
		for name, file := range map[string]string{"mutex": p.mutex, "block": p.block, "allocs": p.allocs} {
			if file != "" {
				errs = append(errs, write(name, file))
			}
		}
		return errors.Join(errs...)
	}, nil
}

func write(name, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}
