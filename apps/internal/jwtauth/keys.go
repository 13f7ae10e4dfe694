package jwtauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/maypok86/otter/v2"

	"github.com/phonebill/phonebill/apps/internal/refresh"
)

// ErrUnknownKey is returned for a key id that the issuer does not publish.
var ErrUnknownKey = errors.New("jwtauth: unknown key id")

// ErrNoKeys is returned while the issuer's keys have never been had.
var ErrNoKeys = errors.New("jwtauth: signing keys are not known yet")

// Keys gives the public keys that tokens may be signed with.
type Keys interface {
	// Key returns the key called kid, or ErrUnknownKey or ErrNoKeys.
	Key(ctx context.Context, kid string) (crypto.PublicKey, error)
}

const (
	// keysAge is when the published keys are read again in the background.
	keysAge = 5 * time.Minute
	// unknownAge is how soon an unknown key id, or a read that failed, may cause
	// another read: a flood of invented ids costs the issuer one call in this
	// time, not one each.
	unknownAge = 10 * time.Second
	// maxKeySet bounds the answer of the issuer, in bytes.
	maxKeySet = 64 << 10
)

// RemoteKeys are the keys published at a URL as a JWK Set (RFC 7517). They are
// read when first needed and then kept, also while the issuer is away.
type RemoteKeys struct {
	client *http.Client
	url    string
	now    func() time.Time
	cache  *otter.Cache[string, keySet]

	mu     sync.Mutex // guards reread
	reread time.Time
}

type keySet map[string]crypto.PublicKey

// NewRemoteKeys returns the keys that url publishes, fetched over transport.
func NewRemoteKeys(transport http.RoundTripper, url string, now func() time.Time) *RemoteKeys {
	return &RemoteKeys{
		client: &http.Client{Transport: transport, Timeout: 3 * time.Second},
		url:    url,
		now:    now,
		cache: otter.Must(&otter.Options[string, keySet]{
			RefreshCalculator: refresh.After[string, keySet](keysAge, unknownAge),
		}),
	}
}

// Key implements Keys.
func (k *RemoteKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	keys, err := k.keys(ctx)
	if err != nil {
		return nil, err
	}
	if key, ok := keys[kid]; ok {
		return key, nil
	}
	if !k.mayReread() {
		return nil, ErrUnknownKey
	}
	// A failed refresh leaves the keys that are known in place.
	select {
	case refreshed := <-k.cache.Refresh(ctx, k.url, otter.LoaderFunc[string, keySet](k.fetch)):
		if key, ok := refreshed.Value[kid]; ok && refreshed.Err == nil {
			return key, nil
		}
	case <-ctx.Done():
	}
	return nil, ErrUnknownKey
}

// Health is the readiness check: it fetches the keys if they are not there.
func (k *RemoteKeys) Health(ctx context.Context) error {
	if _, err := k.keys(ctx); err != nil {
		return ErrNoKeys
	}
	return nil
}

func (k *RemoteKeys) keys(ctx context.Context) (keySet, error) {
	keys, err := k.cache.Get(ctx, k.url, otter.LoaderFunc[string, keySet](k.fetch))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return keys, nil
}

func (k *RemoteKeys) mayReread() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.reread) < unknownAge {
		return false
	}
	k.reread = k.now()
	return true
}

// fetch reads the published set. Others may wait for it too, so the caller's
// going away does not end it; the client's timeout does.
func (k *RemoteKeys) fetch(ctx context.Context, url string) (keySet, error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key set: status %d", resp.StatusCode)
	}
	var published jwkset.JWKSMarshal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxKeySet)).Decode(&published); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return ParseKeySet(published)
}

// ParseKeySet returns the public keys of a JWK Set by their ids. Keys of other
// kinds than ours, and those without an id, are left out: an issuer may publish
// what we do not know yet.
func ParseKeySet(published jwkset.JWKSMarshal) (map[string]crypto.PublicKey, error) {
	keys := make(map[string]crypto.PublicKey, len(published.Keys))
	for _, raw := range published.Keys {
		jwk, err := jwkset.NewJWKFromMarshal(raw, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
		if err != nil || raw.KID == "" {
			continue
		}
		if key, ok := publicKey(jwk.Key()); ok {
			keys[raw.KID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no key of use")
	}
	return keys, nil
}

// publicKey returns the public part of a key that ES256 can be verified with.
func publicKey(key any) (*ecdsa.PublicKey, bool) {
	if private, ok := key.(*ecdsa.PrivateKey); ok {
		key = &private.PublicKey
	}
	public, ok := key.(*ecdsa.PublicKey)
	return public, ok && public.Curve == elliptic.P256()
}

// LocalKeys are keys that the service itself holds.
type LocalKeys func(ctx context.Context) (map[string]crypto.PublicKey, error)

// Key implements Keys.
func (k LocalKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	keys, err := k(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	key, ok := keys[kid]
	if !ok {
		return nil, ErrUnknownKey
	}
	return key, nil
}
