package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// Override returns the endpoint's override, empty if there is none, and the number of scripted
// answers left.
func (s *Store) Override(ctx context.Context, endpoint behavior.Endpoint) (override behavior.Override, steps int, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT override FROM endpoint_behavior WHERE endpoint = $1), '{}'),
		       (SELECT count(*) FROM scripted_step WHERE endpoint = $1)`, string(endpoint)).Scan(&override, &steps)
	if err != nil {
		return behavior.Override{}, 0, fault("read override", err)
	}
	return override, steps, nil
}

// SetOverride replaces the endpoint's override and its script.
func (s *Store) SetOverride(ctx context.Context, endpoint behavior.Endpoint, override behavior.Override, script []behavior.ScriptedStep) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// Written first, because its row lock serializes concurrent changes.
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

// Overrides returns the overrides by endpoint. Endpoints without one may be missing.
func (s *Store) Overrides(ctx context.Context) (map[behavior.Endpoint]behavior.Override, error) {
	rows, err := s.pool.Query(ctx, `SELECT endpoint, override FROM endpoint_behavior`)
	if err != nil {
		return nil, fault("read overrides", err)
	}
	overrides := make(map[behavior.Endpoint]behavior.Override)
	var endpoint behavior.Endpoint
	var override behavior.Override
	_, err = pgx.ForEachRow(rows, []any{&endpoint, &override}, func() error {
		overrides[endpoint], override = override, behavior.Override{}
		return nil
	})
	if err != nil {
		return nil, fault("read overrides", err)
	}
	return overrides, nil
}

// SetTroubles starts troubles at endpoints, in place of their current ones. The rest of the
// overrides stays.
func (s *Store) SetTroubles(ctx context.Context, troubles map[behavior.Endpoint]behavior.Trouble) error {
	var names []string
	var overrides []behavior.Override
	for endpoint, trouble := range troubles {
		names = append(names, string(endpoint))
		overrides = append(overrides, behavior.Override{Trouble: &trouble})
	}
	_, err := s.pool.Exec(ctx, `
		INSERT INTO endpoint_behavior AS b (endpoint, override, version)
		SELECT endpoint, override, 1 FROM unnest($1::text[], $2::jsonb[]) AS t (endpoint, override)
		ORDER BY endpoint -- one order of locks
		ON CONFLICT (endpoint) DO UPDATE SET override = b.override || EXCLUDED.override, version = b.version + 1`,
		names, overrides)
	if err != nil {
		return fault("write troubles", err)
	}
	return nil
}

// Reset removes the overrides and scripts of the endpoints, and the calls that count against their
// limits.
func (s *Store) Reset(ctx context.Context, endpoints ...behavior.Endpoint) error {
	names := make([]string, len(endpoints))
	for i, endpoint := range endpoints {
		names[i] = string(endpoint)
	}
	slices.Sort(names) // a fixed lock order prevents deadlocks
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
