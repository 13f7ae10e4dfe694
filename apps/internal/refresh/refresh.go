// Package refresh limits how often cached values are refreshed: in the background by
// an otter cache (After), or on demand (Gate).
package refresh

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// After returns a calculator that refreshes a value at its first use after age. If
// the refresh fails, the value is kept and the next attempt starts no sooner than
// after pause. (With otter's own calculators, every use retries at once: during an
// outage the source would be called as often as the cache.)
func After[K comparable, V any](age, pause time.Duration) otter.RefreshCalculator[K, V] {
	return AfterFunc[K](func(V) time.Duration { return age }, pause)
}

// AfterFunc is After with an age that depends on the value.
func AfterFunc[K comparable, V any](age func(value V) time.Duration, pause time.Duration) otter.RefreshCalculator[K, V] {
	return calculator[K, V]{age: age, pause: pause}
}

type calculator[K comparable, V any] struct {
	age   func(value V) time.Duration
	pause time.Duration
}

func (c calculator[K, V]) RefreshAfterCreate(e otter.Entry[K, V]) time.Duration {
	return c.age(e.Value)
}

func (c calculator[K, V]) RefreshAfterUpdate(e otter.Entry[K, V], _ V) time.Duration {
	return c.age(e.Value)
}

func (c calculator[K, V]) RefreshAfterReload(e otter.Entry[K, V], _ V) time.Duration {
	return c.age(e.Value)
}

func (c calculator[K, V]) RefreshAfterReloadFailure(otter.Entry[K, V], error) time.Duration {
	return c.pause
}
