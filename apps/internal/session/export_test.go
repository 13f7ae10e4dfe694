package session

// StopGoroutines stops the cache's goroutines, for tests in a synctest bubble.
func (c *Cached) StopGoroutines() { c.cache.StopAllGoroutines() }
