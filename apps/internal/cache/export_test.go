package cache

// StopGoroutines ends the cache's own goroutine, for tests on a clock of their
// own.
func (c *Cache[V]) StopGoroutines() {
	c.l1.StopAllGoroutines()
	c.forgotten.StopAllGoroutines()
	c.renewed.StopAllGoroutines()
}

// Key returns the name under which L2 holds a key.
func (c *Cache[V]) Key(key string) string { return c.key(key) }
