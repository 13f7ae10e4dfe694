package cache_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/cache"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// sealed returns a replica with its own keyset over the shared store.
func (f *fixture) sealed(keyring *seal.Keyring) *cache.Cache[bill] {
	opts := cache.Options{Kind: "bill", TTL: ttl, LoadTimeout: loadTimeout, Sealer: keyring}
	return cache.New[bill](opts, f.l2, slog.New(slog.DiscardHandler), f.metrics)
}

func TestL2HasNoPlaintext(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	keyring := sealtest.Keyring(t)
	first := f.sealed(keyring)
	f.want(first, 89000, cache.FromSource)
	f.want(f.sealed(keyring), 89000, cache.FromL2)
	if err := first.Invalidate(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	f.want(f.sealed(keyring), 89000, cache.FromSource)
	for _, value := range f.l2.values() {
		if strings.Contains(value, "89000") || strings.Contains(value, "fee") || strings.Contains(value, "dropped") {
			t.Errorf("plaintext %q", value)
		}
	}
}

// TestUnreadableEntryIsNotServed also checks that the entry is not overwritten: it may be a
// tombstone of a replica with a newer key.
func TestUnreadableEntryIsNotServed(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*fixture) *cache.Cache[bill]{
		"of before values were sealed": func(f *fixture) *cache.Cache[bill] { return f.bills },
		"of another key":               func(f *fixture) *cache.Cache[bill] { return f.sealed(sealtest.Keyring(f.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.want(before(f), 89000, cache.FromSource)
			old := f.l2.values()
			f.source.fee = 69000
			keyring := sealtest.Keyring(t)
			bills := f.sealed(keyring)
			f.want(bills, 69000, cache.FromSource)
			if now := f.l2.values(); now[0] != old[0] {
				t.Errorf("%q has become %q", old, now)
			}
			if err := bills.Invalidate(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if now := f.l2.values(); now[0] == old[0] {
				t.Error("it was not invalidated")
			}
		})
	}
}

func TestValueIsBoundToItsKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	keyring := sealtest.Keyring(t)
	f.want(f.sealed(keyring), 89000, cache.FromSource)
	f.l2.set(func() {
		for name, held := range f.l2.entries {
			delete(f.l2.entries, name)
			f.l2.entries[f.bills.Key("other")] = held
		}
	})
	f.source.fee = 69000
	got, level, err := f.sealed(keyring).Get(t.Context(), "other", f.source.load)
	if err != nil || got.Fee != 69000 || level != cache.FromSource {
		t.Errorf("got %+v from %q, %v", got, level, err)
	}
}

func TestWithoutKeysetTheSourceIsRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	store := sealtest.NewStore("")
	store.Fail(errors.New("away"))
	bills := f.sealed(store.Keyring())
	f.want(bills, 89000, cache.FromSource)
	f.want(bills, 89000, cache.FromL1)
	if values := f.l2.values(); len(values) != 0 {
		t.Errorf("written in clear: %q", values)
	}
	if err := bills.Invalidate(t.Context(), key); !errors.Is(err, seal.ErrNoKeys) {
		t.Errorf("invalidated: %v", err)
	}
}
