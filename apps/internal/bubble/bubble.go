// Package bubble helps tests that run in a bubble of testing/synctest.
package bubble

import "time"

// Advance moves the fake clock of the bubble forward by d and lets everything run that is due by
// then. It takes no real time.
func Advance(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // only the clock of a bubble moves
