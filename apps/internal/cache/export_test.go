package cache

// StopGoroutines ends the goroutines of the cache, for tests in a bubble of synctest.
func (c *Cache[V]) StopGoroutines() {
	c.l1.StopAllGoroutines()
	c.evicted.StopAllGoroutines()
}

// Key returns the key in L2 of a key.
func (c *Cache[V]) Key(key string) string { return c.key(key) }
