package cache

// StopUpkeep ends the goroutine that L1 has for expired entries: it would
// outlive a test's own clock.
func (c *Cache[V]) StopUpkeep() { c.l1.StopAllGoroutines() }
