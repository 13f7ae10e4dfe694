package client

// StopGoroutines ends the token cache's own goroutine, for tests on a clock of
// their own.
func (c *Client) StopGoroutines() { c.tokens.cache.StopAllGoroutines() }
