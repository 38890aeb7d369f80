package sqlitestore

// LimitScans makes looks at the runs stop after so many rows, except at leases. Call it before the store is used.
func LimitScans(s *Store, rows int64) {
	s.db.scan = scanLimits{list: rows, live: rows, leases: 1000, tally: rows, stats: rows}
}
