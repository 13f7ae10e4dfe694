package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/MicahParks/jwkset"
)

// Set is a parsed JWK Set.
type Set struct {
	signers []signer // in their order in the set
	verify  map[string]*ecdsa.PublicKey
	public  jwkset.JWKSMarshal

	// Public is the set without private parts, as JSON.
	Public []byte
	// ETag is the entity tag (RFC 9110) of Public.
	ETag string
}

// signer is a private key with its id.
type signer struct {
	id  string
	key *ecdsa.PrivateKey
}

// ParseSet parses a JWK Set of P-256 keys with distinct ids. The first must be private. The error
// contains no key material.
func ParseSet(text string) (*Set, error) {
	var raw jwkset.JWKSMarshal
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil, errors.New("the key set is not JSON")
	}
	set := &Set{verify: make(map[string]*ecdsa.PublicKey, len(raw.Keys))}
	for i, key := range raw.Keys {
		if err := set.add(key); err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		}
	}
	if len(set.signers) == 0 {
		return nil, errors.New("the key set is empty")
	}
	return set, set.encode()
}

// add adds one key to the set.
func (s *Set) add(raw jwkset.JWKMarshal) error {
	if raw.KID == "" || s.verify[raw.KID] != nil {
		return errors.New("kid is missing or not unique")
	}
	parsed, err := jwkset.NewJWKFromMarshal(raw, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if err != nil {
		return errors.New("is not a valid JWK") // the cause may quote the key
	}
	private, isPrivate := parsed.Key().(*ecdsa.PrivateKey)
	public, isPublic := parsed.Key().(*ecdsa.PublicKey)
	if isPrivate {
		public = &private.PublicKey
	}
	if !isPrivate && !isPublic || public.Curve != elliptic.P256() {
		return errors.New("is not a P-256 key")
	}
	if len(s.signers) == 0 && !isPrivate {
		return errors.New("must be private, because the first key signs")
	}
	if isPrivate {
		s.signers = append(s.signers, signer{raw.KID, private})
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
	s.public.Keys = append(s.public.Keys, published.Marshal())
	return nil
}

func (s *Set) encode() error {
	text, err := json.Marshal(s.public)
	if err != nil {
		return fmt.Errorf("cannot be published: %w", err)
	}
	digest := sha256.Sum256(text)
	s.Public, s.ETag = text, `"`+base64.RawURLEncoding.EncodeToString(digest[:12])+`"`
	return nil
}

// ids returns the ids of all keys.
func (s *Set) ids() []string {
	ids := make([]string, len(s.public.Keys))
	for i, key := range s.public.Keys {
		ids[i] = key.KID
	}
	return ids
}
