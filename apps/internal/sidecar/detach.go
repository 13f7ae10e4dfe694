package sidecar

import (
	"context"
	"time"
)

// detach runs call and returns its result, or ctx's error when ctx ends. The call
// itself is not cancelled with ctx but by timeout.
//
// The sidecar counts a cancelled call as a failure of the called app or component.
// If clients could cancel calls, a few that disconnect would open a circuit breaker
// for all.
func detach[T any](ctx context.Context, timeout time.Duration, call func(ctx context.Context) (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	done := make(chan outcome, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		value, err := call(ctx)
		done <- outcome{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}
