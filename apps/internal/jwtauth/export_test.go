package jwtauth

// StopGoroutines ends the cache's own goroutine, for tests on a clock of their
// own.
func (v *Verifier) StopGoroutines() { v.verified.StopAllGoroutines() }
