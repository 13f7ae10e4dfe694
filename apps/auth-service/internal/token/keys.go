// Package token signs access and refresh tokens and publishes the keys that verify them. The keys
// are a JWK Set in the secret store: all of them verify and one signs, so that a key can be
// replaced without ending sessions or refusing requests.
package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrNoKey is returned while no signing keys are available.
var ErrNoKey = problem.New(problem.Unavailable, "SIGNING_KEY_UNAVAILABLE", "일시적으로 로그인할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)

// Secrets returns secrets by name. It is called for each use of a key, so implementations must
// cache.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
	// Reread bypasses the cache, within a rate limit.
	Reread(ctx context.Context, name string) (string, error)
}

// Ledger stores the publication time of each key, for all replicas and across restarts.
type Ledger interface {
	// PublishedSince records unknown keys as published now, and returns the publication time of
	// each key.
	PublishedSince(ctx context.Context, keyIDs []string) (map[string]time.Time, error)
}

// KeysParams are the dependencies of Keys.
type KeysParams struct {
	Secrets Secrets
	// Secret is the name of the secret with the key set.
	Secret string
	Ledger Ledger
	// Lead is the time between a key's publication and its first signature.
	Lead time.Duration
	Log  *slog.Logger
	Now  func() time.Time
}

// Keys is the current signing key set of the secret store. A changed secret takes effect at the
// next use; an invalid one is refused and the previous set stays in use. It is safe for concurrent
// use.
type Keys struct {
	KeysParams

	mu     sync.Mutex
	seen   string // the last value of the secret
	set    *Set   // the last valid key set
	since  map[string]time.Time
	signer signer // the key in use
}

var _ jwtauth.Keys = (*Keys)(nil)

// NewKeys returns the keys. It does not read them yet.
func NewKeys(p KeysParams) *Keys { return &Keys{KeysParams: p} }

// Set returns the key set, or ErrNoKey.
func (k *Keys) Set(ctx context.Context) (*Set, error) {
	text, err := k.Secrets.Secret(ctx, k.Secret)
	if err != nil {
		return nil, ErrNoKey.WithCause(err)
	}
	return k.take(ctx, text)
}

func (k *Keys) take(ctx context.Context, text string) (*Set, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil && k.seen == text {
		return k.set, nil
	}
	set, err := ParseSet(text)
	switch {
	case err == nil:
		k.set, k.since = set, nil
		k.Log.InfoContext(ctx, "signing keys published", "key_ids", set.ids())
	case k.set == nil:
		return nil, ErrNoKey.WithCause(err)
	default:
		k.Log.ErrorContext(ctx, "changed signing keys refused", "error", err)
	}
	k.seen = text
	return k.set, nil
}

// Ready returns the reason why tokens cannot be signed, or nil.
func (k *Keys) Ready(ctx context.Context) error {
	if _, err := k.Set(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", errors.Unwrap(err))
	}
	return nil
}

// Key implements jwtauth.Keys without HTTP requests to this service itself. On an unknown key id it
// rereads the secret, because another replica may have seen the key first.
func (k *Keys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	set, err := k.Set(ctx)
	if err == nil && set.verify[kid] == nil {
		set, err = k.reread(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jwtauth.ErrNoKeys, err)
	}
	if key := set.verify[kid]; key != nil {
		return key, nil
	}
	return nil, jwtauth.ErrUnknownKey
}

func (k *Keys) reread(ctx context.Context) (*Set, error) {
	text, err := k.Secrets.Reread(ctx, k.Secret)
	if err != nil {
		return nil, ErrNoKey.WithCause(err)
	}
	return k.take(ctx, text)
}
