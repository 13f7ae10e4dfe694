package postgres

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealedrows"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// namePlace returns the context that a user's name is sealed with.
func namePlace(userID string) string { return "app_user " + userID }

func (s *Store) sealName(ctx context.Context, userID, name string) ([]byte, error) {
	sealed, err := s.keyring.Seal(ctx, []byte(name), namePlace(userID))
	if err != nil {
		return nil, fmt.Errorf("name: %w", err)
	}
	return sealed, nil
}

// name returns the name of a user. If it cannot be opened, name logs that and returns "", so that
// the user can still log in.
func (s *Store) name(ctx context.Context, row userRow) string {
	if row.SealedName == nil { // written by a version before sealing
		return row.UserName
	}
	name, err := s.keyring.Open(ctx, row.SealedName, namePlace(row.UserID))
	if err != nil {
		telemetry.Annotate(ctx, slog.Any("user_name", err))
	}
	return string(name)
}

const outdatedNames = `
SELECT ARRAY[user_id], xmin::text, sealed_name, CASE WHEN sealed_name IS NULL THEN convert_to(user_name, 'UTF8') END
FROM app_user
WHERE user_id > $3
  AND (sealed_name IS NULL OR substring(sealed_name FOR length($1::bytea)) <> $1)
ORDER BY user_id
LIMIT $2`

const resealName = `
UPDATE app_user
SET sealed_name = $1, user_name = ''
WHERE xmin::text = $2 AND user_id = $3`

// Sealed are the tables with sealed columns in pool's database.
func Sealed(pool *pgxpool.Pool) []seal.Table {
	return []seal.Table{sealedrows.Table{
		Pool: pool, Label: "app_user", First: []string{""}, Select: outdatedNames, Update: resealName,
		Place: func(key []string) string { return namePlace(key[0]) },
	}}
}
