package usage

// Tidy is tidy, for tests.
func (l *Ledger) Tidy() error { return l.tidy() }
