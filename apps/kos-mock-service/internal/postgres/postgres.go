// Package postgres keeps what KOS must remember: lines opened at run time,
// orders, how endpoints were told to behave, and the calls that reached it.
package postgres

import (
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the numbered changes of the schema.
func Migrations() fs.FS {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return migrations
}

// Calls is the table of calls, which keeps this month and the one before.
var Calls = pg.Partitions{Table: "kos_call", Keep: 1}

// ErrUnavailable is returned while the database cannot be used.
var ErrUnavailable = problem.ErrDatabase

// fault tells what failed, and whether because the database cannot be used.
func fault(operation string, err error) error {
	if pgerr.Unavailable(err) {
		err = ErrUnavailable.WithCause(err)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// Store is the database.
type Store struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// New returns the store in the database behind pool.
func New(pool *pgxpool.Pool, now func() time.Time) *Store { return &Store{pool, now} }
