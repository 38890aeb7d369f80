package domain

import "time"

// RegistrationInterval is how often a worker says that it lives.
const RegistrationInterval = time.Minute

// RegistrationTTL is how long after its last registration a worker counts as alive.
const RegistrationTTL = 3 * RegistrationInterval

// RegistrationKept is how long a registration that nobody renews is kept.
const RegistrationKept = time.Hour

// WorkerRecord is what a worker says about itself, and what its leases say.
type WorkerRecord struct {
	ID          string
	Host        string
	PID         int
	Language    string // "go"; "" is not known: the worker has not registered
	Workflows   []WorkflowKey
	Concurrency int
	StartedAt   time.Time // of the first registration
	SeenAt      time.Time // of the latest
	Holding     int64     // runs whose lease it holds
}
