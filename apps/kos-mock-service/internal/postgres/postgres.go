// Package postgres stores lines opened at run time, orders, behaviour overrides, and the log of
// calls.
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

// Migrations returns the numbered migrations of the database.
func Migrations() fs.FS {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return migrations
}

// Calls is the table of calls. The current month and the previous one are kept.
var Calls = pg.Partitions{Table: "kos_call", Keep: 1}

// ErrUnavailable is returned while the database is unavailable.
var ErrUnavailable = problem.ErrDatabase

// fault wraps err with the operation, and with ErrUnavailable if the database is unavailable.
func fault(operation string, err error) error {
	if pgerr.Unavailable(err) {
		err = ErrUnavailable.WithCause(err)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// Store stores everything in PostgreSQL.
type Store struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// New returns a Store on pool.
func New(pool *pgxpool.Pool, now func() time.Time) *Store { return &Store{pool, now} }
