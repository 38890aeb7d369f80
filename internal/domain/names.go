package domain

import "strconv"

// Names resolves the names of steps: repeats of a name become name:1, name:2, …, skipping names that
// are taken. It is TypeScript's algorithm. The zero value is ready to use; it is not safe for concurrent use.
type Names struct {
	taken map[string]struct{}
	next  map[string]int
}

// Resolve returns the unique name of the next step with this base name.
func (n *Names) Resolve(base string) string {
	if n.taken == nil {
		n.taken = make(map[string]struct{})
	}
	if _, taken := n.taken[base]; !taken {
		n.taken[base] = struct{}{}
		return base
	}
	if n.next == nil {
		n.next = make(map[string]int)
	}
	for i := max(1, n.next[base]); ; i++ {
		name := base + ":" + strconv.Itoa(i)
		if _, taken := n.taken[name]; taken {
			continue
		}
		n.next[base] = i + 1
		n.taken[name] = struct{}{}
		return name
	}
}
