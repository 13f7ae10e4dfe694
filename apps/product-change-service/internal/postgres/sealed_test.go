package postgres_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// wantNoPlaintext fails the test if the database contains the name of a subscriber. The line
// itself must be there.
func (s store) wantNoPlaintext(t *testing.T) {
	t.Helper()
	content := pgtest.Content(t, s.pool)
	if !bytes.Contains(content, []byte(number(1))) || bytes.Contains(content, []byte("김민준")) {
		t.Errorf("the database holds %q", content)
	}
}

func (s store) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), statement, args...)
	expect.NoError(t, err)
}

func TestDatabaseHasNoPlaintextNames(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	want := subscriber(number(1))
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), want, product.Version{}))
	s.wantNoPlaintext(t)
	got, _, err := s.archive.Subscriber(t.Context(), number(1))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestUnreadableRowIsReplaced copies a row to another line, and reads one that was sealed
// with a removed key.
func TestUnreadableRowIsReplaced(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
	s.exec(t, `UPDATE known_subscriber SET line_number = $1`, number(2).Digits())
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
	gone := replica(t, s.pool, sealtest.NewStore(sealtest.Keyset(t)), plenty)
	for archive, line := range map[*postgres.Archive]int{s.archive: 2, gone.archive: 1} {
		_, version, err := archive.Subscriber(t.Context(), number(line))
		if !errors.Is(err, product.ErrNotArchived) {
			t.Errorf("line %d: %v", line, err)
		}
		fresh := subscriber(number(line))
		fresh.AsOf = noon.AddDate(0, 0, 1)
		expect.NoError(t, archive.KeepSubscriber(t.Context(), fresh, version))
		if _, _, err := archive.Subscriber(t.Context(), number(line)); err != nil {
			t.Errorf("line %d, after the next answer of KOS: %v", line, err)
		}
	}
}

// TestRowsInClearOfAnOlderRelease writes and invalidates rows as that release does.
func TestRowsInClearOfAnOlderRelease(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(1)), product.Version{}))
	newer := subscriber(number(1))
	newer.Product.Code = "NEWER"
	s.exec(t, `UPDATE known_subscriber SET as_of = $1, document = $2`, noon.AddDate(0, 0, 1), newer)
	if got, _, err := s.archive.Subscriber(t.Context(), number(1)); err != nil || got.Product.Code != "NEWER" {
		t.Errorf("the newer one in clear: %+v, %v", got, err)
	}
	s.exec(t, `UPDATE known_subscriber SET as_of = $1, document = NULL`, noon.AddDate(0, 0, 2))
	if _, _, err := s.archive.Subscriber(t.Context(), number(1)); !errors.Is(err, product.ErrNotArchived) {
		t.Errorf("with another as_of: %v", err)
	}
	s.exec(t, `UPDATE known_subscriber SET version = version + 1, as_of = NULL, document = NULL`)
	if _, version, err := s.archive.Subscriber(t.Context(), number(1)); !errors.Is(err, product.ErrNotArchived) || version.Line != 1 {
		t.Errorf("invalidated: version %v, %v", version, err)
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	old, err := s.keys.Secret(t.Context(), "")
	expect.NoError(t, err)
	expect.NoError(t, s.archive.KeepSubscriber(t.Context(), subscriber(number(2)), product.Version{}))
	s.exec(t, `INSERT INTO known_subscriber (line_number, version, as_of, document) VALUES ($1, 0, $2, $3)`,
		number(1).Digits(), noon, subscriber(number(1)))
	expect.NoError(t, s.archive.Invalidate(t.Context(), number(3))) // invalidated: nothing to seal

	promoted := sealtest.Promoted(t, sealtest.Added(t, old))
	s.keys.Put(promoted)
	for _, table := range postgres.Sealed(s.pool) {
		got, err := seal.Reseal(t.Context(), s.keys.Keyring(), table)
		if diff := cmp.Diff(seal.Report{Resealed: 2}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	s.keys.Put(sealtest.Reduced(t, promoted))
	s.wantNoPlaintext(t)
	for _, n := range []int{1, 2} {
		if _, _, err := s.archive.Subscriber(t.Context(), number(n)); err != nil {
			t.Errorf("line %d: %v", n, err)
		}
	}
}
