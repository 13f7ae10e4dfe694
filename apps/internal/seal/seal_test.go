package seal_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

const (
	place  = "bill_archive 01012345678 2026-11"
	secret = "홍길동"
)

func sealed(t *testing.T, keyring *seal.Keyring) []byte {
	t.Helper()
	got, err := keyring.Seal(t.Context(), []byte(secret), place)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func opens(t *testing.T, keyring *seal.Keyring, text []byte) {
	t.Helper()
	if plain, err := keyring.Open(t.Context(), text, place); err != nil || string(plain) != secret {
		t.Fatalf("opened %q, %v", plain, err)
	}
}

func TestSealedValueIsRandomizedAndOpens(t *testing.T) {
	t.Parallel()
	keyring := sealtest.Keyring(t)
	first, second := sealed(t, keyring), sealed(t, keyring)
	if bytes.Contains(first, []byte(secret)) || bytes.Equal(first, second) {
		t.Error("the sealed value contains the plaintext, or equal values have equal ciphertexts")
	}
	opens(t, keyring, first)
	primary, err := keyring.Primary(t.Context())
	if err != nil || !bytes.HasPrefix(first, primary) {
		t.Errorf("does not begin with the primary key's prefix %x: %v", primary, err)
	}
}

func TestForeignOrModifiedValuesDoNotOpen(t *testing.T) {
	t.Parallel()
	keyring := sealtest.Keyring(t)
	whole := sealed(t, keyring)
	changed := bytes.Clone(whole)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		text  []byte
		place string
		want  error
	}{
		"other place":    {whole, "bill_archive 01087654321 2026-11", seal.ErrBroken},
		"modified":       {changed, place, seal.ErrBroken},
		"truncated":      {whole[:6], place, seal.ErrBroken},
		"empty":          {nil, place, seal.ErrBroken},
		"clear":          {[]byte(`{"customerName":"x"}`), place, seal.ErrBroken},
		"other keyset":   {sealed(t, sealtest.Keyring(t)), place, seal.ErrUnknownKey},
		"unknown prefix": {[]byte{1, 0, 0, 0, 0}, place, seal.ErrUnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if plain, err := keyring.Open(t.Context(), c.text, c.place); !errors.Is(err, c.want) || plain != nil {
				t.Errorf("%q, %v; want %v", plain, err, c.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	keyring := sealtest.Keyring(t)
	text, err := keyring.SealJSON(t.Context(), map[string]int{"total": 89000}, place)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Total int }
	if err := keyring.OpenJSON(t.Context(), text, place, &got); err != nil || got.Total != 89000 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := keyring.OpenJSON(t.Context(), text, place, new([]string)); err == nil {
		t.Error("decoded into a value of another type")
	}
	if _, err := keyring.SealJSON(t.Context(), func() {}, place); err == nil {
		t.Error("sealed a value that has no JSON")
	}
}

// TestKeysAreRotatedWhileReplicasRun with two replicas, one of which sees each step
// of the rotation later than the other.
func TestKeysAreRotatedWhileReplicasRun(t *testing.T) {
	t.Parallel()
	one := sealtest.Keyset(t)
	early, late := sealtest.NewStore(one), sealtest.NewStore(one)
	replicas := []*seal.Keyring{early.Keyring(), late.Keyring()}
	var all [][]byte
	check := func(when string) {
		t.Helper()
		for _, replica := range replicas {
			all = append(all, sealed(t, replica))
		}
		for _, replica := range replicas {
			for _, text := range all {
				if _, err := replica.Open(t.Context(), text, place); err != nil {
					t.Errorf("%s: %v", when, err)
				}
			}
		}
	}
	two := sealtest.Added(t, one)
	three := sealtest.Promoted(t, two)
	check("before")
	early.Put(two)
	check("added, seen by one")
	late.Put(two)
	check("added, seen by both")
	early.Put(three)
	check("promoted, seen by one")
	late.Put(three)
	check("promoted, seen by both")
	early.Put(sealtest.Reduced(t, three))
	if _, err := replicas[0].Open(t.Context(), all[0], place); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("value of a removed key: %v", err)
	}
	opens(t, replicas[0], all[len(all)-1])
}

// TestUnknownKeyCausesReread with a key that becomes primary before every replica
// has it.
func TestUnknownKeyCausesReread(t *testing.T) {
	t.Parallel()
	one := sealtest.Keyset(t)
	two := sealtest.Promoted(t, sealtest.Added(t, one))
	late := sealtest.NewStore(one)
	keyring := late.Keyring()
	sealed(t, keyring)
	late.Announce(two)
	opens(t, keyring, sealed(t, sealtest.NewStore(two).Keyring()))
}

func TestOperationsFailWithoutKeys(t *testing.T) {
	t.Parallel()
	store := sealtest.NewStore("")
	unavailable := errors.New("unavailable")
	store.Fail(unavailable)
	keyring := store.Keyring()
	_, sealErr := keyring.Seal(t.Context(), nil, place)
	_, openErr := keyring.Open(t.Context(), nil, place)
	_, primaryErr := keyring.Primary(t.Context())
	for _, err := range []error{sealErr, openErr, primaryErr, keyring.Ready(t.Context())} {
		if !errors.Is(err, seal.ErrNoKeys) || !errors.Is(err, unavailable) {
			t.Errorf("got %v", err)
		}
	}
	store.Put(sealtest.Keyset(t))
	text := sealed(t, keyring)
	store.Fail(unavailable)
	opens(t, keyring, text) // with the keys read before
}

func TestKeysetFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset")
	keyring := seal.NewKeyring(seal.Config{KeysetSecret: "x", KeysetFile: path}, nil, slog.New(slog.DiscardHandler))
	if err := keyring.Ready(t.Context()); !errors.Is(err, seal.ErrNoKeys) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(path, []byte(sealtest.Keyset(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	opens(t, keyring, sealed(t, keyring))
}

func TestInvalidKeysetDoesNotReplaceValidOne(t *testing.T) {
	t.Parallel()
	store := sealtest.NewStore(sealtest.Keyset(t))
	var log bytes.Buffer
	keyring := seal.NewKeyring(seal.Config{KeysetSecret: "data-keyset"}, store, slog.New(slog.NewTextHandler(&log, nil)))
	text := sealed(t, keyring)
	good, err := store.Secret(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		store.Put(good[:len(good)/2])
		opens(t, keyring, text)
	}
	if logged := log.String(); strings.Count(logged, "data-keyset") != 1 || strings.Contains(logged, good[20:60]) {
		t.Errorf("logged %s", logged)
	}
}

func TestInvalidKeysets(t *testing.T) {
	t.Parallel()
	raw, err := keyset.NewHandle(aead.AES256GCMNoPrefixKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	var noPrefix bytes.Buffer
	if err := insecurecleartextkeyset.Write(raw, keyset.NewJSONWriter(&noPrefix)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hunter2", "empty object": "{}", "key without prefix": noPrefix.String(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := sealtest.NewStore(text).Keyring().Ready(t.Context())
			if !errors.Is(err, seal.ErrNoKeys) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	keyring := sealtest.Keyring(f)
	whole, err := keyring.Seal(context.Background(), []byte(secret), place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, place+" ")
	f.Add(whole[:5], place)
	f.Add([]byte(`{"value":{}}`), place)
	f.Fuzz(func(t *testing.T, text []byte, other string) {
		plain, err := keyring.Open(t.Context(), text, other)
		if err == nil && (!bytes.Equal(text, whole) || other != place) {
			t.Errorf("opened to %q", plain)
		}
	})
}

// BenchmarkSeal measures a value of 1 KB, the size of a bill.
func BenchmarkSeal(b *testing.B) {
	keyring := sealtest.Keyring(b)
	plain := bytes.Repeat([]byte("x"), 1<<10)
	text, err := keyring.Seal(b.Context(), plain, place)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = keyring.Seal(b.Context(), plain, place)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = keyring.Open(b.Context(), text, place)
		}
	})
}
