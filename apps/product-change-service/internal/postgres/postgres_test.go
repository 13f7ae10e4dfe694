package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestUnavailableDatabase(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://none@127.0.0.1:1/none") // a port without a server
	expect.NoError(t, err)
	t.Cleanup(pool.Close)
	s := replica(t, pool, sealtest.NewStore(sealtest.Keyset(t)), plenty)
	const id = "01900000-0000-7000-8000-000000000000"
	for name, use := range map[string]func(context.Context) error{
		"Accept": func(ctx context.Context) error {
			return s.changes.Accept(ctx, change.Change{RequestID: id}, change.Key{}, product.Version{})
		},
		"FindKey": func(ctx context.Context) error { _, _, err := s.changes.FindKey(ctx, "user", "key"); return err },
		"InProgress": func(ctx context.Context) error {
			_, err := s.changes.InProgress(ctx, product.Subscription{Customer: "CUST001", Line: "01030000001"})
			return err
		},
		"Find": func(ctx context.Context) error { _, err := s.history.Find(ctx, "user", id); return err },
		"List": func(ctx context.Context) error { _, err := s.history.List(ctx, change.Filter{}); return err },
	} {
		if err := use(t.Context()); !errors.Is(err, change.ErrDatabase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
