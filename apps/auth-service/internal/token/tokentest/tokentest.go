// Package tokentest creates signing keys for tests.
package tokentest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"

	"github.com/MicahParks/jwkset"
)

// Key is a P-256 key with an id.
type Key struct {
	ID      string
	Private *ecdsa.PrivateKey
}

// NewKey returns a new key with that id.
func NewKey(t testing.TB, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Private: private}
}

// Set returns the secret for keys: a JWK Set with private parts.
func Set(t testing.TB, keys ...Key) string {
	t.Helper()
	var set jwkset.JWKSMarshal
	for _, key := range keys {
		set.Keys = append(set.Keys, marshal(t, key.Private, key.ID, true))
	}
	return encode(t, set)
}

// PublicSet is Set without private parts.
func PublicSet(t testing.TB, keys ...Key) string {
	t.Helper()
	var set jwkset.JWKSMarshal
	for _, key := range keys {
		set.Keys = append(set.Keys, marshal(t, &key.Private.PublicKey, key.ID, false))
	}
	return encode(t, set)
}

func marshal(t testing.TB, key any, id string, private bool) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
		Marshal:  jwkset.JWKMarshalOptions{Private: private},
		Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgES256, KID: id, USE: jwkset.UseSig},
	})
	if err != nil {
		t.Fatal(err)
	}
	return jwk.Marshal()
}

func encode(t testing.TB, set jwkset.JWKSMarshal) string {
	t.Helper()
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
