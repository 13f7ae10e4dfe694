package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// secret is the name of a secret and its generator.
type secret struct {
	name string
	make func(Set) (string, error)
}

// all lists the secrets. Derived ones come after those they are derived from.
var all = []secret{
	{"jwt-signing-key", signingKeys},
	{"redis-auth-key", password},
	{"redis-cache-auth-key", password},
	{"database-password-auth", password},
	{"database-password-bill-inquiry", password},
	{"database-password-product-change", password},
	{"database-password-kos-mock", password},
	{"data-keyset-auth", dataKeyset},
	{"data-keyset-bill-inquiry", dataKeyset},
	{"data-keyset-product-change", dataKeyset},
	{credentialsOf("auth"), clientCredentials("auth-service")},
	{credentialsOf("bill-inquiry"), clientCredentials("bill-inquiry-service")},
	{credentialsOf("product-change"), clientCredentials("product-change-service")},
	{"kos-mock-config", kosMockConfig},
}

func credentialsOf(service string) string { return "kos-api-credentials-" + service }

// password returns 256 random bits.
func password(Set) (string, error) {
	bits := make([]byte, 32)
	_, _ = rand.Read(bits) // never fails
	return base64.RawURLEncoding.EncodeToString(bits), nil
}

// credentials are a service's credentials for KOS.
type credentials struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
}

func clientCredentials(clientID string) func(Set) (string, error) {
	return func(s Set) (string, error) {
		secret, err := password(s)
		if err != nil {
			return "", err
		}
		return marshal(credentials{ClientID: clientID, ClientSecret: secret})
	}
}

// kosMockConfig registers the three services with their credentials. Its schema is documented in
// kos-mock-service's README; omitted values keep the figures of the real KOS.
func kosMockConfig(s Set) (string, error) {
	var config struct {
		Clients []credentials `json:"clients"`
		Token   struct {
			SigningKey []byte `json:"signingKey"`
		} `json:"token"`
		AdminEnabled    bool `json:"adminEnabled"`
		MockDataEnabled bool `json:"mockDataEnabled"`
	}
	for _, service := range []string{"auth", "bill-inquiry", "product-change"} {
		var client credentials
		if err := json.Unmarshal([]byte(s[credentialsOf(service)]), &client); err != nil {
			return "", fmt.Errorf("%s: %w", credentialsOf(service), err)
		}
		config.Clients = append(config.Clients, client)
	}
	config.Token.SigningKey = make([]byte, 32)
	_, _ = rand.Read(config.Token.SigningKey) // never fails
	config.AdminEnabled, config.MockDataEnabled = true, true
	return marshal(config)
}

// jwk is a private P-256 key according to RFC 7517 and RFC 7518. Four members are in the order that
// a thumbprint (RFC 7638) requires.
type jwk struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y"`
	D     string `json:"d,omitempty"`
	ID    string `json:"kid,omitempty"`
	Alg   string `json:"alg,omitempty"`
	Use   string `json:"use,omitempty"`
}

// signingKeys returns a JWK Set with one new key for ES256.
func signingKeys(Set) (string, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	scalar, err := private.Bytes()
	if err != nil {
		return "", err
	}
	point, err := private.PublicKey.Bytes() // 4, followed by x and y
	if err != nil {
		return "", err
	}
	const coordinate = 32
	encode := base64.RawURLEncoding.EncodeToString
	key := jwk{Curve: "P-256", Type: "EC", X: encode(point[1 : 1+coordinate]), Y: encode(point[1+coordinate:])}
	public, err := json.Marshal(key)
	if err != nil {
		return "", err
	}
	thumbprint := sha256.Sum256(public)
	key.D, key.ID, key.Alg, key.Use = encode(scalar), encode(thumbprint[:]), "ES256", "sig"
	return marshal(map[string][]jwk{"keys": {key}})
}

// dataKeyset returns a Tink keyset with one new key, for sealed data.
func dataKeyset(Set) (string, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text))
	return text.String(), err
}

func marshal(value any) (string, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return string(content), nil
}
