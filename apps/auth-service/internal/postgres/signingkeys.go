package postgres

import (
	"context"
	"slices"
	"time"
)

// PublishedSince implements token.Ledger. If replicas see a key at the same time, the earlier time
// is stored.
func (s *Store) PublishedSince(ctx context.Context, keyIDs []string) (map[string]time.Time, error) {
	const statement = `
		INSERT INTO signing_key (key_id, published_since)
		SELECT key_id, $2 FROM unnest($1::text[]) AS key_id
		ON CONFLICT (key_id) DO UPDATE
			SET published_since = least(signing_key.published_since, excluded.published_since)
		RETURNING key_id, published_since`
	ordered := slices.Sorted(slices.Values(keyIDs)) // a fixed order prevents deadlocks between replicas
	rows, err := s.pool.Query(ctx, statement, ordered, s.now())
	if err != nil {
		return nil, fault("note signing keys", err)
	}
	defer rows.Close()
	since := make(map[string]time.Time, len(keyIDs))
	for rows.Next() {
		var (
			keyID string
			at    time.Time
		)
		if err := rows.Scan(&keyID, &at); err != nil {
			return nil, fault("note signing keys", err)
		}
		since[keyID] = at
	}
	return since, fault("note signing keys", rows.Err())
}
