package cache

// StopGoroutines ends the cache's own goroutine, for tests on a clock of their
// own.
func (c *Cache[V]) StopGoroutines() {
	c.l1.StopAllGoroutines()
	c.forgotten.StopAllGoroutines()
}
