package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealedrows"
)

// linePlace returns the place that the subscriber of a line is sealed for.
func linePlace(line string) string { return "known_subscriber " + line }

const outdatedLines = `
SELECT ARRAY[line_number], xmin::text, sealed, convert_to(document::text, 'UTF8')
FROM known_subscriber
WHERE line_number > $3
  AND (document IS NOT NULL OR substring(sealed FOR length($1::bytea)) <> $1)
ORDER BY line_number
LIMIT $2`

const resealLine = `
UPDATE known_subscriber
SET sealed = $1, document = NULL
WHERE xmin::text = $2 AND line_number = $3`

// Sealed returns the tables with sealed columns in pool's database.
func Sealed(pool *pgxpool.Pool) []seal.Table {
	return []seal.Table{sealedrows.Table{
		Pool: pool, Label: "known_subscriber", First: []string{""}, Select: outdatedLines, Update: resealLine,
		Place: func(key []string) string { return linePlace(key[0]) },
	}}
}
