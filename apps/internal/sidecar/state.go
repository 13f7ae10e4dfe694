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

// Errors of a state store.
var (
	ErrNotFound    = errors.New("state: no such key")
	ErrConflict    = errors.New("state: changed by somebody else")
	ErrUnavailable = errors.New("state: store cannot be reached")
)

// State is one state store component.
type State struct {
	client *Client
	store  string
}

// State returns the store of the component called store.
func (c *Client) State(store string) *State { return &State{client: c, store: store} }

// Get returns the value of key and its ETag, or ErrNotFound or ErrUnavailable.
func (s *State) Get(ctx context.Context, key string) (value []byte, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	item, err := s.client.sdk.GetState(ctx, s.store, key, nil)
	if err != nil {
		return nil, "", s.fault("get", err)
	}
	if len(item.Value) == 0 {
		return nil, "", ErrNotFound
	}
	return item.Value, item.Etag, nil
}

// Set writes the value of key, whatever it was. It is forgotten after ttl,
// which is rounded up to whole seconds. Do not mix Set and SetIf on one key:
// Redis then refuses Set for ever.
func (s *State) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.fault("set", s.client.sdk.SaveState(ctx, s.store, key, value, expiry(ttl)))
}

// SetIf writes the value of key if its ETag is still etag, or if it does not
// exist and etag is "". It returns ErrConflict otherwise.
func (s *State) SetIf(ctx context.Context, key string, value []byte, etag string, ttl time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.fault("set", s.client.sdk.SaveStateWithETag(ctx, s.store, key, value, etag, expiry(ttl),
		dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite), dapr.WithConsistency(dapr.StateConsistencyStrong)))
}

// Delete removes key. A key that does not exist is no error.
func (s *State) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.fault("delete", s.client.sdk.DeleteState(ctx, s.store, key, nil))
}

func expiry(ttl time.Duration) map[string]string {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	return map[string]string{"ttlInSeconds": strconv.FormatInt(seconds, 10)}
}

// fault translates an error of the SDK. Its text names the store but no key:
// keys may be personal.
func (s *State) fault(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.Aborted:
		return fmt.Errorf("%s %s: %w", op, s.store, ErrConflict)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s %s: %w", op, s.store, err)
	}
	return fmt.Errorf("%s %s: %w (%s)", op, s.store, ErrUnavailable, status.Code(err))
}
