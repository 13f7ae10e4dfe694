package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// forge creates forged tokens from a genuine one and its signing key.
type forge struct {
	key            *ecdsa.PrivateKey
	public         [2]string // coordinates as in the JWK
	header, claims map[string]any
}

func newForge(t *testing.T, genuine string) forge {
	t.Helper()
	var set struct {
		Keys []struct{ D, X, Y string }
	}
	if err := json.Unmarshal([]byte(whole.secrets["jwt-signing-key"]), &set); err != nil {
		t.Fatal(err)
	}
	scalar, err := base64.RawURLEncoding.DecodeString(set.Keys[0].D)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(genuine, ".")
	return forge{key, [2]string{set.Keys[0].X, set.Keys[0].Y}, decodePart(t, parts[0]), decodePart(t, parts[1])}
}

func decodePart(t *testing.T, part string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// token returns a token with some members of header and claims replaced.
func (f forge) token(t *testing.T, header, claims map[string]any, sign func(t *testing.T, text string) []byte) string {
	t.Helper()
	text := encodePart(t, f.header, header) + "." + encodePart(t, f.claims, claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(t, text))
}

func encodePart(t *testing.T, members, replaced map[string]any) string {
	t.Helper()
	members = maps.Clone(members)
	maps.Copy(members, replaced)
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// es256 signs according to RFC 7518, section 3.4.
func es256(key *ecdsa.PrivateKey) func(t *testing.T, text string) []byte {
	return func(t *testing.T, text string) []byte {
		t.Helper()
		digest := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature
	}
}

func hs256(secret []byte) func(t *testing.T, text string) []byte {
	return func(_ *testing.T, text string) []byte {
		mac := hmac.New(crypto.SHA256.New, secret)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
}

func unsigned(*testing.T, string) []byte { return nil }

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	c := resident(t)
	f := newForge(t, c.Tokens.Access)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	type members = map[string]any
	genuine, ago := es256(f.key), time.Now().Add(-time.Minute).Unix()
	parts := strings.Split(c.Tokens.Access, ".")

	// A forged token without changes is accepted, so that each case fails for its own reason.
	c.With(f.token(t, nil, nil, genuine)).see(t, "")

	tokens := map[string]string{
		"none at all":               " ",
		"no token":                  "token",
		"half a token":              parts[0] + "." + parts[1],
		"without its signature":     parts[0] + "." + parts[1] + ".",
		"expired":                   f.token(t, nil, members{"exp": ago, "iat": ago - 1800, "nbf": ago - 1800}, genuine),
		"not valid yet":             f.token(t, nil, members{"iat": time.Now().Add(time.Hour).Unix()}, genuine),
		"without an end":            f.token(t, nil, members{"exp": nil}, genuine),
		"of another issuer":         f.token(t, nil, members{"iss": "another"}, genuine),
		"for another audience":      f.token(t, nil, members{"aud": "others"}, genuine),
		"of no session":             f.token(t, nil, members{"sid": ""}, genuine),
		"of an unknown session":     f.token(t, nil, members{"sid": "no-such-session"}, genuine),
		"of another user's session": f.token(t, nil, members{"sub": "testuser01"}, genuine),
		"of another type":           f.token(t, nil, members{"typ": "id"}, genuine),
		"a refresh token":           c.Tokens.Refresh,
		"signed with another key":   f.token(t, nil, nil, es256(stranger)),
		"of an unknown key id":      f.token(t, members{"kid": "stranger"}, nil, es256(stranger)),
		"with an embedded key":      f.token(t, members{"jwk": jwk(t, stranger)}, nil, es256(stranger)),
		"changed after signing":     parts[0] + "." + encodePart(t, f.claims, members{"permissions": []string{"ADMIN"}}) + "." + parts[2],
		"alg none":                  f.token(t, members{"alg": "none"}, nil, unsigned),
		"alg None":                  f.token(t, members{"alg": "None"}, nil, unsigned),
		"HS256 with the point":      f.token(t, members{"alg": "HS256"}, nil, hs256(point)),
		"HS256 with a coordinate":   f.token(t, members{"alg": "HS256"}, nil, hs256([]byte(f.public[0]))),
		"HS256 with nothing":        f.token(t, members{"alg": "HS256"}, nil, hs256(nil)),
		"ES384 by name":             f.token(t, members{"alg": "ES384"}, nil, genuine),
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forged := anonymous(t).With(token)
			forged.Menu().Refused(t, http.StatusUnauthorized, "UNAUTHENTICATED")
			forged.Inquire(c.Line, "").Refused(t, http.StatusUnauthorized, "UNAUTHENTICATED")
			forged.Verify().Refused(t, http.StatusUnauthorized, "UNAUTHENTICATED")
		})
	}
}

// With returns the customer with another access token.
func (c customer) With(accessToken string) customer {
	return customer{c.Client.With(accessToken), c.Registration}
}

func jwk(t *testing.T, key *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
}

func TestForgedRefreshTokens(t *testing.T) {
	t.Parallel()
	c := resident(t)
	f := newForge(t, c.Tokens.Refresh)
	ago := time.Now().Add(-time.Minute).Unix()
	tokens := map[string]string{
		"no token":          "token",
		"an access token":   c.Tokens.Access,
		"expired":           f.token(t, nil, map[string]any{"exp": ago, "iat": ago - 1800}, es256(f.key)),
		"unsigned":          f.token(t, map[string]any{"alg": "none"}, nil, unsigned),
		"of another issuer": f.token(t, nil, map[string]any{"iss": "another"}, es256(f.key)),
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			anonymous(t).Refresh(token).Refused(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
		})
	}
	anonymous(t).Refresh("").Refused(t, http.StatusBadRequest, "VALIDATION_ERROR")
	c.Refresh(c.Tokens.Refresh).OK(t) // none of them has ended the session
}
