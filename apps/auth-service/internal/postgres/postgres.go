// Package postgres keeps users, their credentials, the attempts at these, the
// index of sessions and the login history in PostgreSQL.
package postgres

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the numbered migrations of the database.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Store keeps everything that this service has in its database. It is safe for
// concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
	now     func() time.Time
}

var (
	_ identity.Users        = (*Store)(nil)
	_ identity.Credentials  = (*Store)(nil)
	_ identity.SessionIndex = (*Store)(nil)
	_ identity.Attempts     = (*Store)(nil)
	_ identity.Directory    = (*Store)(nil)
	_ identity.Trail        = (*Store)(nil)
	_ identity.Founder      = (*Store)(nil)
)

// NewStore returns a Store in the database of pool, where keyring seals names.
func NewStore(pool *pgxpool.Pool, keyring *seal.Keyring, now func() time.Time) *Store {
	return &Store{pool: pool, keyring: keyring, now: now}
}

// fault names the operation that failed and says ErrDatabase of a server that
// is away, or of keys: without them nothing can be stored either. Constraint
// names, and with them the rules, are translated where the statement is.
func fault(op string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", op, err)
	if pgerr.Unavailable(err) || errors.Is(err, seal.ErrNoKeys) {
		return identity.ErrDatabase.WithCause(err)
	}
	return err
}
