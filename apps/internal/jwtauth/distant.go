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

// maxWaiting is how many requests wait at once for the keys of an issuer that
// is not ours: should it hang, the others have room to work.
const maxWaiting = 32

// minRSA is the size of the smallest RSA key that RS256 is safe with, in bits.
const minRSA = 2048

// distantKeys are the keys of an issuer that is not ours to keep up and near.
// Whatever its state, it is asked once in a while only, also for the first time,
// and few wait for it.
type distantKeys struct {
	*RemoteKeys
	room chan struct{}
}

// newDistantKeys returns the keys of cfg's issuer. They do not come through the
// sidecar: what comes over this wire decides who is an administrator, so TLS
// must end at the issuer itself, and no other component may stand in between.
func newDistantKeys(cfg OIDCConfig, now func() time.Time) *distantKeys {
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableKeepAlives:      true, // it is called every few minutes
			MaxResponseHeaderBytes: maxKeySet,
		},
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	locate := func(context.Context) (string, error) { return cfg.JWKSURL, nil }
	if cfg.JWKSURL == "" {
		locate = func(ctx context.Context) (string, error) { return discover(ctx, client, cfg.Issuer) }
	}
	return &distantKeys{RemoteKeys: newRemoteKeys(client, locate, forOperators, now), room: make(chan struct{}, maxWaiting)}
}

// Key implements Keys.
func (k *distantKeys) Key(ctx context.Context, kid string) (crypto.PublicKey, error) {
	if key, ok := k.known(ctx, kid); ok {
		return key, nil
	}
	select {
	case k.room <- struct{}{}:
		defer func() { <-k.room }()
	default:
		return nil, fmt.Errorf("%w: too many wait for them", ErrNoKeys)
	}
	if err := k.gate.Again(ctx, k.reread); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	key, ok := k.known(ctx, kid)
	if !ok {
		return nil, ErrUnknownKey
	}
	return key, nil
}

// known looks among the keys that are there.
func (k *distantKeys) known(ctx context.Context, kid string) (crypto.PublicKey, bool) {
	if _, ok := k.cache.GetIfPresent(keySetKey); !ok {
		return nil, false
	}
	keys, err := k.keys(ctx) // which has them read again when they are old
	key, ok := keys[kid]
	return key, ok && err == nil
}

// Health tells whether the keys are there or can be fetched, without asking the
// issuer more often than requests do.
func (k *distantKeys) Health(ctx context.Context) error {
	if _, ok := k.cache.GetIfPresent(keySetKey); ok {
		return nil
	}
	if err := k.gate.Again(ctx, k.reread); err != nil {
		return ErrNoKeys
	}
	return nil
}

// discover returns where issuer publishes its keys (OpenID Connect Discovery
// 1.0, section 4).
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
		return "", errors.New("discovery: of another issuer")
	}
	if err := trustworthy(metadata.JWKSURL); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri %w", err)
	}
	return metadata.JWKSURL, nil
}

// forOperators takes keys for RS256, which Entra ID signs with, and for ES256.
func forOperators(key any) (crypto.PublicKey, bool) {
	if public, ok := key.(*rsa.PublicKey); ok {
		return public, public.N.BitLen() >= minRSA
	}
	return forES256(key)
}
