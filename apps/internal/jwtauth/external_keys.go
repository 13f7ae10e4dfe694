package jwtauth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// maxWaiting is the maximum number of requests that wait for the keys of an
// external issuer, so that an issuer that hangs does not block all requests.
const maxWaiting = 32

// minRSA is the minimum size of an RSA key for RS256, in bits (RFC 7518).
const minRSA = 2048

// externalKeys are the keys of an issuer outside of PhoneBill. Fetches, even the
// first one, are rate-limited, and at most maxWaiting requests wait for one.
type externalKeys struct {
	*RemoteKeys
	slots chan struct{}
}

// newExternalKeys returns the keys of cfg's issuer. It fetches them directly and
// not through the sidecar, because they decide who is an administrator: TLS must
// end at the issuer itself.
func newExternalKeys(cfg OIDCConfig, now func() time.Time) *externalKeys {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true, // fetches are minutes apart
			MaxResponseHeaderBytes: maxKeySet,
		},
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	locate := func(context.Context) (string, error) { return cfg.JWKSURL, nil }
	if cfg.JWKSURL == "" {
		locate = func(ctx context.Context) (string, error) { return discover(ctx, client, cfg.Issuer) }
	}
	return &externalKeys{RemoteKeys: newRemoteKeys(client, locate, rsaOrES256, now), slots: make(chan struct{}, maxWaiting)}
}

// Key implements Keys.
func (k *externalKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	if key, ok := k.cached(ctx, kid); ok {
		return key, nil
	}
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	default:
		return nil, fmt.Errorf("%w: too many requests waiting", ErrNoKeys)
	}
	if err := k.gate.Do(ctx, k.refetch); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	key, ok := k.cached(ctx, kid)
	if !ok {
		return nil, ErrUnknownKey
	}
	return key, nil
}

// cached returns a key of the cached key set.
func (k *externalKeys) cached(ctx context.Context, kid string) (crypto.PublicKey, bool) {
	if _, ok := k.cache.GetIfPresent(keySetKey); !ok {
		return nil, false
	}
	keys, err := k.keys(ctx) // refreshes an old set in the background
	key, ok := keys[kid]
	return key, ok && err == nil
}

// Health returns ErrNoKeys if no key set is cached and none can be fetched. Its
// fetches share the rate limit of requests.
func (k *externalKeys) Health(ctx context.Context) error {
	if _, ok := k.cache.GetIfPresent(keySetKey); ok {
		return nil
	}
	if err := k.gate.Do(ctx, k.refetch); err != nil {
		return ErrNoKeys
	}
	return nil
}

// discover returns the jwks_uri of issuer (OpenID Connect Discovery 1.0, section 4).
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURL string `json:"jwks_uri"`
	}
	err := readJSON(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &metadata)
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	if metadata.Issuer != issuer {
		return "", errors.New("discovery: document of another issuer")
	}
	if err := checkURL(metadata.JWKSURL); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri %w", err)
	}
	return metadata.JWKSURL, nil
}

// rsaOrES256 accepts keys for RS256, which Entra ID uses, and ES256.
func rsaOrES256(key any) (crypto.PublicKey, bool) {
	if public, ok := key.(*rsa.PublicKey); ok {
		return public, public.N.BitLen() >= minRSA
	}
	return es256(key)
}
