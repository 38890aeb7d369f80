//go:build unix

package crashtest_test

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// stepKey names a step of a run.
type stepKey struct{ run, step string }

// evidence is all that is known after the faults: what the processes did, what the client was told, the rows.
type evidence struct {
	lease    time.Duration
	effects  []effect // by time
	runs     []openworkflow.Run
	attempts []openworkflow.StepAttempt
	created  []creation
	signals  map[string][]string
	news     map[string]bool
	canceled map[string]int64
	results  map[string]report
	fates    map[int]*fate

	// made by index
	runByID     map[string]*openworkflow.Run
	rowsOf      map[stepKey][]*openworkflow.StepAttempt
	rowByID     map[string]*openworkflow.StepAttempt
	acksOf      map[stepKey][]effect
	startsOf    map[stepKey][]effect
	callsOf     map[stepKey][]effect
	endOf       map[string]effect // by attempt
	excused     int               // starts of a process that had stood still
	interrupted int               // starts whose outcome was not recorded
}

func (e *evidence) index() {
	e.runByID = make(map[string]*openworkflow.Run)
	e.rowsOf = make(map[stepKey][]*openworkflow.StepAttempt)
	e.rowByID = make(map[string]*openworkflow.StepAttempt)
	e.acksOf, e.startsOf, e.callsOf = make(map[stepKey][]effect), make(map[stepKey][]effect), make(map[stepKey][]effect)
	e.endOf = make(map[string]effect)
	for i := range e.runs {
		e.runByID[e.runs[i].ID] = &e.runs[i]
	}
	for i := range e.attempts {
		a := &e.attempts[i]
		k := stepKey{a.RunID, a.StepName}
		e.rowsOf[k] = append(e.rowsOf[k], a)
		e.rowByID[a.ID] = a
	}
	for _, x := range e.effects {
		k := stepKey{x.Run, x.Step}
		switch x.Mark {
		case markAck:
			e.acksOf[k] = append(e.acksOf[k], x)
		case markStart:
			e.startsOf[k] = append(e.startsOf[k], x)
		case markCall:
			e.callsOf[k] = append(e.callsOf[k], x)
		case markEnd:
			e.endOf[x.Attempt] = x
		case markBegin:
		}
	}
}

// completed is the completed row of a step, or nil.
func (e *evidence) completed(k stepKey) *openworkflow.StepAttempt {
	for _, a := range e.rowsOf[k] {
		if a.Status == openworkflow.StepCompleted {
			return a
		}
	}
	return nil
}

// stoodStill reports whether the effect is the first breath of a process that had been frozen: between its look at
// the lease and the function no program can prevent the machine from standing still.
func (e *evidence) stoodStill(x effect) (span, bool) {
	const breath = int64(50 * time.Millisecond)
	w := e.fates[x.Worker]
	if w == nil {
		return span{}, false
	}
	for _, s := range w.frozen {
		if x.At >= s.from && x.At <= s.to+breath {
			return s, true
		}
	}
	return span{}, false
}
