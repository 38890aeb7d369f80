package metrics

import "sync"

// names bounds the values of a label: the first so many names stand for themselves, the others for Other.
type names struct {
	limit int

	mu   sync.RWMutex
	seen map[string]struct{}
}

func newNames(limit int) *names { return &names{limit: limit, seen: make(map[string]struct{})} }

func (n *names) label(name string) string {
	n.mu.RLock()
	_, known := n.seen[name]
	full := len(n.seen) >= n.limit
	n.mu.RUnlock()
	switch {
	case known:
		return name
	case full:
		return Other
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.seen[name]; !known && len(n.seen) >= n.limit {
		return Other
	}
	n.seen[name] = struct{}{}
	return name
}
