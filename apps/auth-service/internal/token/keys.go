// Package token signs access and refresh tokens and publishes the keys that
// verify them. The keys come from the secret store as a JWK Set: the first one
// signs, all of them verify, so that a key can be replaced without ending
// anybody's session.
package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrNoKey is returned while the signing keys cannot be had.
var ErrNoKey = problem.New(problem.Unavailable, "SIGNING_KEY_UNAVAILABLE", "일시적으로 로그인할 수 없습니다. 잠시 후 다시 시도해 주세요.").After(2 * time.Second)

// Secrets gives secrets by name. It is asked for each use of a key and so must
// remember what it read.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// Keys is the signing key set as the secret store has it now. A changed secret
// takes effect with the next use; one that is no key set is refused, while the
// set before stays in force. It is safe for concurrent use.
type Keys struct {
	secrets Secrets
	name    string
	log     *slog.Logger

	mu   sync.Mutex
	seen string // the secret as it was last
	set  *Set   // of the last one that was a key set
}

// NewKeys returns the keys in the secret called name. It reads nothing yet.
func NewKeys(secrets Secrets, name string, log *slog.Logger) *Keys {
	return &Keys{secrets: secrets, name: name, log: log}
}

// Set returns the key set, or ErrNoKey.
func (k *Keys) Set(ctx context.Context) (*Set, error) {
	text, err := k.secrets.Secret(ctx, k.name)
	if err != nil {
		return nil, ErrNoKey.WithCause(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil && k.seen == text {
		return k.set, nil
	}
	set, err := ParseSet(text)
	switch {
	case err == nil:
		k.set = set
	case k.set == nil:
		return nil, ErrNoKey.WithCause(err)
	default:
		k.log.ErrorContext(ctx, "changed signing keys refused, those before stay in force", "error", err)
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

// Public returns the keys that verify tokens, by their ids. It has the shape of
// jwtauth.LocalKeys: this service verifies tokens like all others, but needs
// not ask itself for the keys.
func (k *Keys) Public(ctx context.Context) (map[string]crypto.PublicKey, error) {
	set, err := k.Set(ctx)
	if err != nil {
		return nil, err
	}
	return set.verify, nil
}

// Set is a parsed JWK Set.
type Set struct {
	signer   *ecdsa.PrivateKey
	signerID string
	verify   map[string]crypto.PublicKey
	// Public is the set without private parts, as other services read it.
	Public jwkset.JWKSMarshal
}

// ParseSet reads a JWK Set of P-256 keys with distinct ids. The first must be
// private. The error tells no part of a key.
func ParseSet(text string) (*Set, error) {
	var raw jwkset.JWKSMarshal
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil, errors.New("the key set is not JSON")
	}
	set := &Set{verify: make(map[string]crypto.PublicKey, len(raw.Keys))}
	for i, key := range raw.Keys {
		if err := set.add(key); err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		}
	}
	if set.signer == nil {
		return nil, errors.New("the key set is empty")
	}
	return set, nil
}

// add takes one key into the set.
func (s *Set) add(raw jwkset.JWKMarshal) error {
	if raw.KID == "" || s.verify[raw.KID] != nil {
		return errors.New("has no kid of its own")
	}
	parsed, err := jwkset.NewJWKFromMarshal(raw, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if err != nil {
		return errors.New("is no valid JWK") // the cause may quote the key
	}
	private, isPrivate := parsed.Key().(*ecdsa.PrivateKey)
	public, isPublic := parsed.Key().(*ecdsa.PublicKey)
	if isPrivate {
		public = &private.PublicKey
	}
	if !isPrivate && !isPublic || public.Curve != elliptic.P256() {
		return errors.New("is no P-256 key")
	}
	if s.signer == nil {
		if !isPrivate {
			return errors.New("signs and must be private")
		}
		s.signer, s.signerID = private, raw.KID
	}
	s.verify[raw.KID] = public
	return s.publish(raw.KID, public)
}

func (s *Set) publish(id string, key *ecdsa.PublicKey) error {
	published, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgES256, KID: id, USE: jwkset.UseSig},
	})
	if err != nil {
		return fmt.Errorf("cannot be published: %w", err)
	}
	s.Public.Keys = append(s.Public.Keys, published.Marshal())
	return nil
}
