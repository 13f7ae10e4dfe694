// Package refresh says when a value that is kept is read again: by an otter
// cache in the background, so that nobody waits for it, or at once because
// somebody has found it out of date.
package refresh

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// After has a value read again by the first use after age. If that fails, the
// value stays and the next attempt is made no sooner than pause later. (Otter's
// own calculators let every use try again at once: a source that is away would
// be asked as often as the cache.)
func After[K comparable, V any](age, pause time.Duration) otter.RefreshCalculator[K, V] {
	return AfterFunc[K](func(V) time.Duration { return age }, pause)
}

// AfterFunc is After for values that know their own age.
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
