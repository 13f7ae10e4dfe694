package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// memory is a seal.Table in memory.
type memory struct {
	rows    map[string]seal.Row
	replace func() error // called before rows are replaced
}

func (m *memory) Name() string { return "memory" }

func (m *memory) Outdated(_ context.Context, primary []byte, after []string, limit int) ([]seal.Row, error) {
	var found []seal.Row
	for _, key := range slices.Sorted(maps.Keys(m.rows)) {
		row := m.rows[key]
		if after != nil && key <= after[0] || row.Clear == nil && bytes.HasPrefix(row.Sealed, primary) {
			continue
		}
		if found = append(found, row); len(found) == limit {
			break
		}
	}
	return found, nil
}

func (m *memory) Replace(_ context.Context, rows []seal.Row, sealed [][]byte) error {
	if err := m.replace(); err != nil {
		return err
	}
	for i, row := range rows {
		if current := m.rows[row.Key[0]]; bytes.Equal(current.Sealed, row.Sealed) && bytes.Equal(current.Clear, row.Clear) {
			m.rows[row.Key[0]] = seal.Row{Key: row.Key, Place: row.Place, Sealed: sealed[i]}
		}
	}
	return nil
}

func (m *memory) put(t *testing.T, keyring *seal.Keyring, n int) {
	t.Helper()
	key := fmt.Sprintf("%06d", n)
	text, err := keyring.Seal(t.Context(), []byte(secret), "memory "+key)
	if err != nil {
		t.Fatal(err)
	}
	m.rows[key] = seal.Row{Key: []string{key}, Place: "memory " + key, Sealed: text}
}

// check opens every row.
func (m *memory) check(t *testing.T, keyring *seal.Keyring) {
	t.Helper()
	for _, row := range m.rows {
		if plain, err := keyring.Open(t.Context(), row.Sealed, row.Place); err != nil || string(plain) != secret {
			t.Fatalf("row %s: %q, %v", row.Key, plain, err)
		}
	}
}

func TestOldKeysCanBeRemovedAfterReseal(t *testing.T) {
	t.Parallel()
	store := sealtest.NewStore(sealtest.Keyset(t))
	keyring := store.Keyring()
	table := &memory{rows: map[string]seal.Row{}}
	const many = 1_234 // three batches
	for n := range many {
		table.put(t, keyring, n)
	}
	table.rows["clear"] = seal.Row{Key: []string{"clear"}, Place: "memory clear", Clear: []byte(secret)}
	old, err := store.Secret(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	promoted := sealtest.Promoted(t, sealtest.Added(t, old))
	store.Put(promoted)

	// Reseal is interrupted, and a replica writes with the old key meanwhile.
	interrupted := errors.New("interrupted")
	batches := 0
	table.replace = func() error {
		if batches++; batches == 2 {
			return interrupted
		}
		return nil
	}
	first, err := seal.Reseal(t.Context(), keyring, table)
	if !errors.Is(err, interrupted) {
		t.Fatalf("%+v, %v", first, err)
	}
	lagging := sealtest.NewStore(old).Keyring()
	table.replace = func() error {
		if batches++; batches == 4 {
			table.put(t, lagging, 0)
			table.put(t, lagging, many-1) // in this batch: must not be overwritten
		}
		return nil
	}
	second, err := seal.Reseal(t.Context(), keyring, table)
	if err != nil {
		t.Fatal(err)
	}
	if done := first.Resealed + second.Resealed; done < many+1 || done > many+4 {
		t.Errorf("%+v and then %+v of %d rows", first, second, many+1)
	}
	store.Put(sealtest.Reduced(t, promoted))
	table.check(t, keyring)
}

func TestResealCountsUnreadableRows(t *testing.T) {
	t.Parallel()
	table := &memory{rows: map[string]seal.Row{}, replace: func() error { return nil }}
	keyring := sealtest.Keyring(t)
	table.put(t, keyring, 1)
	table.put(t, sealtest.Keyring(t), 2)
	table.put(t, sealtest.Keyring(t), 3)
	before := maps.Clone(table.rows)
	got, err := seal.Reseal(t.Context(), keyring, table)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(seal.Report{Unreadable: 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, table.rows); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
}
