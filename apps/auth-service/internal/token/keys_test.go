package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// vault is a secret store with one secret.
type vault struct {
	mu   sync.Mutex
	text string
}

func (v *vault) put(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.text = text
}

var errSealed = errors.New("vault is sealed")

// Secret implements token.Secrets.
func (v *vault) Secret(_ context.Context, name string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if name != "keys" || v.text == "" {
		return "", errSealed
	}
	return v.text, nil
}

// Reread implements token.Secrets.
func (v *vault) Reread(ctx context.Context, name string) (string, error) { return v.Secret(ctx, name) }

// newKeys returns the keys of a vault, without a lead.
func newKeys(v *vault, log *slog.Logger) *token.Keys {
	return token.NewKeys(token.KeysParams{
		Secrets: v, Secret: "keys", Ledger: tokentest.NewLedger(time.Now), Log: log, Now: time.Now,
	})
}

func TestKeysFollowTheSecret(t *testing.T) {
	t.Parallel()
	store := &vault{}
	keys := newKeys(store, slog.New(slog.DiscardHandler))
	if _, err := keys.Set(t.Context()); !errors.Is(err, token.ErrNoKey) || !errors.Is(err, errSealed) {
		t.Fatalf("without a secret: %v", err)
	}
	if err := keys.Ready(t.Context()); !errors.Is(err, errSealed) {
		t.Fatalf("ready without a secret: %v", err)
	}

	first, second := tokentest.NewKey(t, "first"), tokentest.NewKey(t, "second")
	store.put(tokentest.Set(t, first))
	if err := keys.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantPublic(t, keys, "first")
	store.put(tokentest.Set(t, second, first))
	wantPublic(t, keys, "second", "first")
}

func TestInvalidKeySetIsRefusedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	store := &vault{}
	keys := newKeys(store, slog.New(slog.NewTextHandler(&log, nil)))
	store.put(tokentest.Set(t, tokentest.NewKey(t, "good")))
	wantPublic(t, keys, "good")
	store.put("bad")
	wantPublic(t, keys, "good")
	if err := keys.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if strings.Count(log.String(), "refused") != 1 || strings.Contains(log.String(), `"bad"`) {
		t.Errorf("the log is:\n%s", log.String())
	}
	store.put(tokentest.Set(t, tokentest.NewKey(t, "better")))
	wantPublic(t, keys, "better")
}

// wantPublic checks the published set and the members of each key.
func wantPublic(t *testing.T, keys *token.Keys, ids ...string) {
	t.Helper()
	set, err := keys.Set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var published struct{ Keys []map[string]string }
	if err := json.Unmarshal(set.Public, &published); err != nil {
		t.Fatal(err)
	}
	if len(published.Keys) != len(ids) {
		t.Fatalf("published %s", set.Public)
	}
	for i, key := range published.Keys {
		for name, want := range map[string]string{"kid": ids[i], "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "d": ""} {
			if key[name] != want {
				t.Errorf("key %d: %s is %q, want %q", i, name, key[name], want)
			}
		}
	}
	for _, id := range ids {
		if key, err := keys.Key(t.Context(), id); err != nil || key == nil {
			t.Errorf("key %s: %v, %v", id, key, err)
		}
	}
	if _, err := keys.Key(t.Context(), "unheard-of"); !errors.Is(err, jwtauth.ErrUnknownKey) {
		t.Errorf("unknown key: %v", err)
	}
}

func TestParseSet(t *testing.T) {
	t.Parallel()
	a, b := tokentest.NewKey(t, "a"), tokentest.NewKey(t, "b")
	anonymous := tokentest.NewKey(t, "")
	private := tokentest.Set(t, a)
	for name, c := range map[string]struct {
		text  string
		valid bool
	}{
		"one":             {private, true},
		"two":             {tokentest.Set(t, a, b), true},
		"nothing":         {"", false},
		"no JSON":         {"{", false},
		"empty":           {`{"keys":[]}`, false},
		"same id twice":   {tokentest.Set(t, a, a), false},
		"no id":           {tokentest.Set(t, anonymous), false},
		"public signer":   {tokentest.PublicSet(t, a), false},
		"other type":      {`{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`, false},
		"other curve":     {strings.Replace(private, "P-256", "P-384", 1), false},
		"damaged secret":  {strings.Replace(private, `"d":"`, `"d":"AA`, 1), false},
		"point off curve": {strings.Replace(private, `"x":"`, `"x":"AA`, 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := token.ParseSet(c.text)
			if (err == nil) != c.valid {
				t.Fatalf("got %v", err)
			}
			wantNoSecret(t, err, c.text)
		})
	}
}

// wantNoSecret checks that an error contains no private part of the set in text.
func wantNoSecret(t *testing.T, err error, text string) {
	t.Helper()
	var set struct {
		Keys []struct{ D, K string }
	}
	if err == nil || json.Unmarshal([]byte(text), &set) != nil {
		return
	}
	for _, key := range set.Keys {
		for _, secret := range []string{key.D, key.K} {
			if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("error contains the key: %v", err)
			}
		}
	}
}

func TestRetiredKeyMayBePublic(t *testing.T) {
	t.Parallel()
	var signer, retired struct{ Keys []json.RawMessage }
	for text, into := range map[string]any{
		tokentest.Set(t, tokentest.NewKey(t, "a")):       &signer,
		tokentest.PublicSet(t, tokentest.NewKey(t, "b")): &retired,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"keys": append(signer.Keys, retired.Keys...)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.ParseSet(string(text)); err != nil {
		t.Error(err)
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(tokentest.Set(f, tokentest.NewKey(f, "a")))
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"","y":""}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := token.ParseSet(text)
		if err == nil && (set.ETag == "" || !bytes.Contains(set.Public, []byte(`"kid"`))) {
			t.Error("a set without keys was accepted")
		}
	})
}
