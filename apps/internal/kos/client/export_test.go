package client

// StopGoroutines ends the goroutines of the token cache, for tests in a bubble of synctest.
func (c *Client) StopGoroutines() { c.tokens.cache.StopAllGoroutines() }
