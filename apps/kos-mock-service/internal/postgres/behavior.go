package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// Override returns what the endpoint was told at run time, empty if nothing,
// and how many answers its script still holds.
func (s *Store) Override(ctx context.Context, endpoint behavior.Endpoint) (override behavior.Override, steps int, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT override FROM endpoint_behavior WHERE endpoint = $1), '{}'),
		       (SELECT count(*) FROM scripted_step WHERE endpoint = $1)`, string(endpoint)).Scan(&override, &steps)
	if err != nil {
		return behavior.Override{}, 0, fault("read override", err)
	}
	return override, steps, nil
}

// SetOverride tells the endpoint how to behave and what its next answers are,
// instead of all that it was told before.
func (s *Store) SetOverride(ctx context.Context, endpoint behavior.Endpoint, override behavior.Override, script []behavior.ScriptedStep) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// First, because it makes two changes at once queue.
		if err := writeOverride(ctx, tx, endpoint, override); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM scripted_step WHERE endpoint = $1`, string(endpoint)); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"scripted_step"}, []string{"endpoint", "line", "step"},
			pgx.CopyFromSlice(len(script), func(i int) ([]any, error) {
				return []any{string(endpoint), nullable(script[i].Line), script[i].Step}, nil
			}))
		return err
	})
	if err != nil {
		return fault("write override", err)
	}
	return nil
}

func writeOverride(ctx context.Context, tx pgx.Tx, endpoint behavior.Endpoint, override behavior.Override) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO endpoint_behavior AS b (endpoint, override, version) VALUES ($1, $2, 1)
		ON CONFLICT (endpoint) DO UPDATE SET override = $2, version = b.version + 1`, string(endpoint), override)
	return err
}

func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Reset makes the endpoints behave as configured. Nothing remains of what they
// were told, nor of the calls that count against their limits.
func (s *Store) Reset(ctx context.Context, endpoints ...behavior.Endpoint) error {
	names := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		names[i] = string(endpoint)
	}
	slices.Sort(names) // one order of locks, whoever resets
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, name := range names {
			if err := writeOverride(ctx, tx, behavior.Endpoint(name), behavior.Override{}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM scripted_step WHERE endpoint = ANY ($1)`, names); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM call_window WHERE endpoint = ANY ($1)`, names)
		return err
	})
	if err != nil {
		return fault("reset behavior", err)
	}
	return nil
}
