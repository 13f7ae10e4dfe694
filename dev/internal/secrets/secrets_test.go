package secrets_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/phonebill/phonebill/dev/internal/secrets"
)

func ensure(t *testing.T, path string) secrets.Set {
	t.Helper()
	set, err := secrets.Ensure(path)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSecretsAreMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.json")
	first := ensure(t, path)
	for name, value := range first {
		if len(value) < 32 {
			t.Errorf("%s is short: %d characters", name, len(value))
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, ensure(t, path)); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if another := ensure(t, filepath.Join(t.TempDir(), "secrets.json")); another["redis-auth-key"] == first["redis-auth-key"] {
		t.Error("two checkouts have the same secret")
	}
}

func TestMissingSecretsAreAddedAndOthersKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(path, []byte(`{"redis-auth-key":"mine","other":"too","database-password-auth":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	set := ensure(t, path)
	if set["redis-auth-key"] != "mine" || set["other"] != "too" {
		t.Error("a secret was changed")
	}
	if set["jwt-signing-key"] == "" || set["database-password-auth"] == "" {
		t.Error("a secret was not added")
	}
	reloaded, err := secrets.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, reloaded); diff != "" {
		t.Errorf("in the file (-want +got):\n%s", diff)
	}
}

func TestInvalidFileIsReportedAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.Ensure(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "{" {
		t.Errorf("the file is now %q, %v", content, err)
	}
}

func TestSigningKeySigns(t *testing.T) {
	t.Parallel()
	var set struct {
		Keys []struct{ Kty, Crv, X, Y, D, Kid, Alg, Use string }
	}
	value := ensure(t, filepath.Join(t.TempDir(), "secrets.json"))["jwt-signing-key"]
	if err := json.Unmarshal([]byte(value), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%d keys, %v", len(set.Keys), err)
	}
	key := set.Keys[0]
	if key.Kty != "EC" || key.Crv != "P-256" || key.Alg != "ES256" || key.Use != "sig" || key.Kid == "" {
		t.Errorf("%+v", key)
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), decode(t, key.D))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, decode(t, key.X)...), decode(t, key.Y)...))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
	if err != nil || !ecdsa.VerifyASN1(public, digest[:], signature) {
		t.Errorf("the halves do not belong together: %v", err)
	}
}

func decode(t *testing.T, value string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestKOSKnowsItsClients(t *testing.T) {
	t.Parallel()
	type client struct{ ClientID, ClientSecret string }
	var config struct{ Clients []client }
	set := ensure(t, filepath.Join(t.TempDir(), "secrets.json"))
	if err := json.Unmarshal([]byte(set["kos-mock-config"]), &config); err != nil {
		t.Fatal(err)
	}
	var want []client
	for _, service := range []string{"auth", "bill-inquiry", "product-change"} {
		t.Run(service, func(t *testing.T) {
			var credentials client
			if err := json.Unmarshal([]byte(set["kos-api-credentials-"+service]), &credentials); err != nil {
				t.Fatal(err)
			}
			if credentials.ClientID != service+"-service" {
				t.Errorf("%s is %q", service, credentials.ClientID)
			}
			want = append(want, credentials)
		})
	}
	if diff := cmp.Diff(want, config.Clients); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDataKeysetsSealEachForItsService(t *testing.T) {
	t.Parallel()
	set := ensure(t, filepath.Join(t.TempDir(), "secrets.json"))
	aeads := map[string]tink.AEAD{}
	for _, service := range []string{"auth", "bill-inquiry", "product-change"} {
		t.Run(service, func(t *testing.T) {
			handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(strings.NewReader(set["data-keyset-"+service])))
			if err != nil {
				t.Fatal(err)
			}
			if aeads[service], err = aead.New(handle); err != nil {
				t.Fatal(err)
			}
		})
	}
	for sealer, one := range aeads {
		text, err := one.Encrypt([]byte("data"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for opener, other := range aeads {
			if _, err := other.Decrypt(text, nil); (err == nil) != (opener == sealer) {
				t.Errorf("what %s sealed, %s opens with: %v", sealer, opener, err)
			}
		}
	}
}
