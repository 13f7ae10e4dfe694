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
	// keysPause is how soon a read in the background that failed is repeated.
	keysPause = 10 * time.Second
	// unknownPause is how soon unknown key ids may cause another read: a flood
	// of invented ids costs the issuer one call in this time, not one each. A
	// key that was published meanwhile is found by any of these calls, so the
	// flood hides it no longer than this.
	unknownPause = 2 * time.Second
	// fetchTimeout bounds a call of the issuer.
	fetchTimeout = 3 * time.Second
	// maxKeySet bounds the answer of the issuer, in bytes.
	maxKeySet = 64 << 10
)

// RemoteKeys are the keys published at a URL as a JWK Set (RFC 7517). They are
// read when first needed and then kept, also while the issuer is away.
type RemoteKeys struct {
	client *http.Client
	locate func(ctx context.Context) (url string, err error)
	fit    fitness
	cache  *otter.Cache[string, keySet]
	gate   *refresh.Gate
}

type keySet map[string]crypto.PublicKey

// keySetKey is what the one set is kept under.
const keySetKey = "keys"

// NewRemoteKeys returns the keys that url publishes for ES256, fetched over
// transport.
func NewRemoteKeys(transport http.RoundTripper, url string, now func() time.Time) *RemoteKeys {
	client := &http.Client{Transport: transport, Timeout: fetchTimeout}
	return newRemoteKeys(client, func(context.Context) (string, error) { return url, nil }, forES256, now)
}

func newRemoteKeys(client *http.Client, locate func(context.Context) (string, error), fit fitness, now func() time.Time) *RemoteKeys {
	return &RemoteKeys{
		client: client,
		locate: locate,
		fit:    fit,
		cache: otter.Must(&otter.Options[string, keySet]{
			RefreshCalculator: refresh.After[string, keySet](keysAge, keysPause),
		}),
		gate: refresh.NewGate(unknownPause, now),
	}
}

// Key implements Keys. An id that is not known makes it read the keys again,
// within bounds: the issuer may have begun to sign with a new one. If that
// fails nobody can say whose the id is: it returns ErrNoKeys.
func (k *RemoteKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	keys, err := k.keys(ctx)
	if err != nil {
		return nil, err
	}
	if key, ok := keys[kid]; ok {
		return key, nil
	}
	if err := k.gate.Again(ctx, k.reread); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	if keys, err = k.keys(ctx); err != nil {
		return nil, err
	}
	key, ok := keys[kid]
	if !ok {
		return nil, ErrUnknownKey
	}
	return key, nil
}

// reread leaves the keys that are known in place if it fails.
func (k *RemoteKeys) reread(ctx context.Context) error {
	result := <-k.cache.Refresh(ctx, keySetKey, otter.LoaderFunc[string, keySet](k.fetch))
	return result.Err
}

// Health is the readiness check: it fetches the keys if they are not there.
func (k *RemoteKeys) Health(ctx context.Context) error {
	if _, err := k.keys(ctx); err != nil {
		return ErrNoKeys
	}
	return nil
}

func (k *RemoteKeys) keys(ctx context.Context) (keySet, error) {
	keys, err := k.cache.Get(ctx, keySetKey, otter.LoaderFunc[string, keySet](k.fetch))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return keys, nil
}

// fetch reads the published set. Others may wait for it too, so the caller's
// going away does not end it; the client's timeout does.
func (k *RemoteKeys) fetch(ctx context.Context, _ string) (keySet, error) {
	ctx = context.WithoutCancel(ctx)
	url, err := k.locate(ctx)
	if err != nil {
		return nil, err
	}
	var published jwkset.JWKSMarshal
	if err := readJSON(ctx, k.client, url, &published); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return parseKeySet(published, k.fit)
}

// readJSON reads what is published at url, up to a bound.
func readJSON(ctx context.Context, client *http.Client, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxKeySet)).Decode(v)
}

// ParseKeySet returns the public keys of a JWK Set by their ids. Keys of other
// kinds than ours, and those without an id, are left out: an issuer may publish
// what we do not know yet.
func ParseKeySet(published jwkset.JWKSMarshal) (map[string]crypto.PublicKey, error) {
	return parseKeySet(published, forES256)
}

func parseKeySet(published jwkset.JWKSMarshal, fit fitness) (map[string]crypto.PublicKey, error) {
	keys := make(map[string]crypto.PublicKey, len(published.Keys))
	for _, raw := range published.Keys {
		jwk, err := jwkset.NewJWKFromMarshal(raw, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
		if err != nil || raw.KID == "" || raw.USE == jwkset.UseEnc {
			continue
		}
		if key, ok := fit(jwk.Key()); ok {
			keys[raw.KID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no key of use")
	}
	return keys, nil
}

// fitness returns the public part of a key that an issuer may sign with.
type fitness func(key any) (crypto.PublicKey, bool)

func forES256(key any) (crypto.PublicKey, bool) {
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
