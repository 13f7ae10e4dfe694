package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The errors of a State.
var (
	ErrNotFound    = errors.New("state: no such key")
	ErrConflict    = errors.New("state: changed concurrently")
	ErrUnavailable = errors.New("state: store unavailable")
)

// State is a state store component.
type State struct {
	client *Client
	store  string
}

// State returns the state store component with the name store.
func (c *Client) State(store string) *State { return &State{client: c, store: store} }

// Get returns the value of key and its ETag, or ErrNotFound or ErrUnavailable.
func (s *State) Get(ctx context.Context, key string) (value []byte, etag string, err error) {
	item, err := detach(ctx, callTimeout, func(ctx context.Context) (*dapr.StateItem, error) {
		return s.client.sdk.GetState(ctx, s.store, key, nil)
	})
	if err != nil {
		return nil, "", s.translate(ctx, "get", err)
	}
	if len(item.Value) == 0 {
		return nil, "", ErrNotFound
	}
	return item.Value, item.Etag, nil
}

// Set writes the value of key unconditionally. It expires after ttl, which is
// rounded up to whole seconds. Set and SetIf must not be mixed on one key, as Redis
// then rejects every Set.
func (s *State) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return s.translate(ctx, "set", s.do(ctx, func(ctx context.Context) error {
		return s.client.sdk.SaveState(ctx, s.store, key, value, expiry(ttl))
	}))
}

// SetIf writes the value of key if its ETag is etag, or if key does not exist and
// etag is "". Otherwise it returns ErrConflict.
func (s *State) SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	err := s.do(ctx, func(ctx context.Context) error {
		return s.client.sdk.SaveStateWithETag(ctx, s.store, key, value, etag, expiry(ttl),
			dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite), dapr.WithConsistency(dapr.StateConsistencyStrong))
	})
	// The Redis component reports an existing key as an internal error, not a conflict.
	if etag == "" && status.Code(err) == codes.Internal {
		if _, _, missing := s.Get(ctx, key); missing == nil {
			return fmt.Errorf("set %s: %w", s.store, ErrConflict)
		}
	}
	return s.translate(ctx, "set", err)
}

// Delete removes key. It returns nil if key does not exist.
func (s *State) Delete(ctx context.Context, key string) error {
	return s.translate(ctx, "delete", s.do(ctx, func(ctx context.Context) error {
		return s.client.sdk.DeleteState(ctx, s.store, key, nil)
	}))
}

// do makes a call that is not cancelled with ctx; see detach.
func (s *State) do(ctx context.Context, call func(ctx context.Context) error) error {
	_, err := detach(ctx, callTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, call(ctx)
	})
	return err
}

func expiry(ttl time.Duration) map[string]string {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	return map[string]string{"ttlInSeconds": strconv.FormatInt(seconds, 10)}
}

// translate translates an error of the SDK. Its text names the store but not the key,
// which may be personal data. A cancellation is not ErrUnavailable.
func (s *State) translate(ctx context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.Aborted:
		return fmt.Errorf("%s %s: %w", op, s.store, ErrConflict)
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s %s: %w", op, s.store, ctx.Err())
	}
	return fmt.Errorf("%s %s: %w (%s)", op, s.store, ErrUnavailable, status.Code(err))
}
