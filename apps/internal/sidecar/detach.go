package sidecar

import (
	"context"
	"time"
)

// detach runs call and returns what it returns, or ctx's error once ctx ends.
// The call itself does not end with ctx: it has a context that only bound ends.
//
// The sidecar counts a call that is cut off as a failure of whatever it calls.
// If callers could cut calls off, a few clients that send requests and leave
// would open a circuit breaker for all.
func detach[T any](ctx context.Context, bound time.Duration, call func(ctx context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan outcome, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
		defer cancel()
		value, err := call(ctx)
		done <- outcome{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
