// Package token signs access and refresh tokens and publishes the keys that
// verify them. The keys come from the secret store as a JWK Set: all of them
// verify, and one signs, so that a key can be replaced without ending anybody's
// session and without refusing anybody's request.
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

// ErrNoKey is returned while the signing keys cannot be had.
var ErrNoKey = problem.New(problem.Unavailable, "SIGNING_KEY_UNAVAILABLE", "일시적으로 로그인할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)

// Secrets gives secrets by name. It is asked for each use of a key and so must
// remember what it read.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
	// Reread asks the secret store at once, within bounds.
	Reread(ctx context.Context, name string) (string, error)
}

// Ledger remembers, over all replicas and restarts, since when keys have been
// published.
type Ledger interface {
	// PublishedSince notes keys that it does not know as published from now on
	// and returns the time of each.
	PublishedSince(ctx context.Context, keyIDs []string) (map[string]time.Time, error)
}

// KeysParams are what Keys need.
type KeysParams struct {
	Secrets Secrets
	// Secret is the name of the secret with the key set.
	Secret string
	Ledger Ledger
	// Lead is how long a key is published before it signs.
	Lead time.Duration
	Log  *slog.Logger
	Now  func() time.Time
}

// Keys is the signing key set as the secret store has it now. A changed secret
// takes effect with the next use; one that is no key set is refused, while the
// set before stays in force. It is safe for concurrent use.
type Keys struct {
	KeysParams

	mu     sync.Mutex
	seen   string // the secret as it was last
	set    *Set   // of the last one that was a key set
	since  map[string]time.Time
	signer signer // that was chosen last
}

var _ jwtauth.Keys = (*Keys)(nil)

// NewKeys returns the keys that p names. It reads nothing yet.
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
		k.Log.ErrorContext(ctx, "changed signing keys refused, those before stay in force", "error", err)
	}
	k.seen = text
	return k.set, nil
}

// Ready reports why tokens cannot be signed, if they cannot.
func (k *Keys) Ready(ctx context.Context) error {
	if _, err := k.Set(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", errors.Unwrap(err))
	}
	return nil
}

// Key implements jwtauth.Keys: this service verifies tokens like all others,
// but needs not ask itself for the keys. An unknown one may be one that another
// replica has seen earlier.
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
