package jwtauth

// StopGoroutines stops the cache's goroutines, for tests in a synctest bubble.
func (v *Verifier) StopGoroutines() { v.verified.StopAllGoroutines() }
