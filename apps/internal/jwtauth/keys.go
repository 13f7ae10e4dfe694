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

// ErrNoKeys is returned while the issuer's keys cannot be fetched.
var ErrNoKeys = errors.New("jwtauth: no signing keys")

// Keys holds the public keys of an issuer.
type Keys interface {
	// Key returns the key with the id kid, ErrUnknownKey or ErrNoKeys.
	Key(ctx context.Context, kid string) (crypto.PublicKey, error)
}

const (
	// keysAge is the age at which the keys are refreshed in the background.
	keysAge = 5 * time.Minute
	// keysPause is the time between attempts of a refresh that fails.
	keysPause = 10 * time.Second
	// unknownPause is the minimum time between fetches that unknown key ids cause,
	// so that a flood of forged ids costs the issuer one request per pause. It is
	// also the longest that the flood delays the use of a new key.
	unknownPause = 2 * time.Second
	// fetchTimeout is the timeout of a request to the issuer.
	fetchTimeout = 3 * time.Second
	// maxKeySet is the maximum size of a response of the issuer, in bytes.
	maxKeySet = 64 << 10
)

// RemoteKeys are the keys published at a URL as a JWK Set (RFC 7517). They are
// fetched at their first use and cached, even during an outage of the issuer.
type RemoteKeys struct {
	client *http.Client
	locate func(ctx context.Context) (url string, err error)
	accept keyFilter
	cache  *otter.Cache[string, keySet]
	gate   *refresh.Gate
}

type keySet map[string]crypto.PublicKey

// keySetKey is the cache key of the only key set.
const keySetKey = "keys"

// NewRemoteKeys returns the ES256 keys published at url, fetched over transport.
func NewRemoteKeys(transport http.RoundTripper, url string, now func() time.Time) *RemoteKeys {
	client := &http.Client{Transport: transport, Timeout: fetchTimeout}
	return newRemoteKeys(client, func(context.Context) (string, error) { return url, nil }, es256, now)
}

func newRemoteKeys(client *http.Client, locate func(context.Context) (string, error), accept keyFilter, now func() time.Time) *RemoteKeys {
	return &RemoteKeys{
		client: client,
		locate: locate,
		accept: accept,
		cache: otter.Must(&otter.Options[string, keySet]{
			RefreshCalculator: refresh.After[string, keySet](keysAge, keysPause),
		}),
		gate: refresh.NewGate(unknownPause, now),
	}
}

// Key implements Keys. An unknown id causes a fetch, at most once per unknownPause,
// because it may be the id of a new key. If the fetch fails, Key returns ErrNoKeys.
func (k *RemoteKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	keys, err := k.keys(ctx)
	if err != nil {
		return nil, err
	}
	if key, ok := keys[kid]; ok {
		return key, nil
	}
	if err := k.gate.Do(ctx, k.refetch); err != nil {
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

// refetch fetches the key set. If it fails, the cached one is kept.
func (k *RemoteKeys) refetch(ctx context.Context) error {
	result := <-k.cache.Refresh(ctx, keySetKey, otter.LoaderFunc[string, keySet](k.fetch))
	return result.Err
}

// Health is a health.Check. It returns ErrNoKeys if no key set is cached and none
// can be fetched.
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

// fetch fetches the key set. It ignores the cancellation of ctx, as other requests
// may wait for the same fetch; fetchTimeout applies.
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
	return parseKeySet(published, k.accept)
}

// readJSON decodes the JSON document at url, up to maxKeySet bytes.
func readJSON(ctx context.Context, client *http.Client, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
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

// ParseKeySet returns the public ES256 keys of a JWK Set by id. Other keys, and
// those without an id, are ignored. It returns an error if no key is left.
func ParseKeySet(published jwkset.JWKSMarshal) (map[string]crypto.PublicKey, error) {
	return parseKeySet(published, es256)
}

func parseKeySet(published jwkset.JWKSMarshal, accept keyFilter) (map[string]crypto.PublicKey, error) {
	keys := make(map[string]crypto.PublicKey, len(published.Keys))
	for _, raw := range published.Keys {
		jwk, err := jwkset.NewJWKFromMarshal(raw, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
		if err != nil || raw.KID == "" || raw.USE == jwkset.UseEnc {
			continue
		}
		if key, ok := accept(jwk.Key()); ok {
			keys[raw.KID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no usable key")
	}
	return keys, nil
}

// keyFilter returns the public key of key and whether an issuer may sign with it.
type keyFilter func(key any) (crypto.PublicKey, bool)

func es256(key any) (crypto.PublicKey, bool) {
	if private, ok := key.(*ecdsa.PrivateKey); ok {
		key = &private.PublicKey
	}
	public, ok := key.(*ecdsa.PublicKey)
	return public, ok && public.Curve == elliptic.P256()
}

// LocalKeys returns keys that the service itself holds.
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
