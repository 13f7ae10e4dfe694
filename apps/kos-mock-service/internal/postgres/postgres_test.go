package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func TestDatabaseOutageIsUnavailable(t *testing.T) {
	t.Parallel()
	pool := pgtestPool(t)
	pool.Close()
	store := postgres.New(pool, time.Now)
	for name, use := range map[string]func(context.Context) error{
		"Admit":   func(ctx context.Context) error { _, err := store.Admit(ctx, behavior.Call{At: noon}); return err },
		"Version": func(ctx context.Context) error { _, err := store.Version(ctx, behavior.Auth); return err },
		"Record":  func(ctx context.Context) error { _, err := store.Record(ctx, "01077770001"); return err },
		"Open": func(ctx context.Context) error {
			return store.Open(ctx, "01077770001", billing.Registration{}, billing.Order{})
		},
		"Move": func(ctx context.Context) error {
			return store.Move(ctx, "01077770001", billing.Registration{}, billing.Order{})
		},
		"Override": func(ctx context.Context) error { _, _, err := store.Override(ctx, behavior.Auth); return err },
		"SetOverride": func(ctx context.Context) error {
			return store.SetOverride(ctx, behavior.Auth, behavior.Override{}, nil)
		},
		"Overrides": func(ctx context.Context) error { _, err := store.Overrides(ctx); return err },
		"SetTroubles": func(ctx context.Context) error {
			return store.SetTroubles(ctx, map[behavior.Endpoint]behavior.Trouble{behavior.Auth: {}})
		},
		"BusiestMinute": func(ctx context.Context) error {
			_, err := store.BusiestMinute(ctx, behavior.CallFilter{})
			return err
		},
		"Reset":        func(ctx context.Context) error { return store.Reset(ctx, behavior.Auth) },
		"CountCalls":   func(ctx context.Context) error { _, err := store.CountCalls(ctx, behavior.CallFilter{}); return err },
		"WriteAnswers": func(ctx context.Context) error { return store.WriteAnswers(ctx, nil) },
	} {
		err := use(t.Context())
		if !errors.Is(err, postgres.ErrUnavailable) || !pgerr.Unavailable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
