package session

// StopGoroutines ends the cache's own goroutine, for tests on a clock of their
// own.
func (c *Cached) StopGoroutines() { c.cache.StopAllGoroutines() }
