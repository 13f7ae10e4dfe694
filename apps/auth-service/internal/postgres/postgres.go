// Package postgres stores users, their credentials and failed attempts, the session index and the
// login history in PostgreSQL.
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

// Store implements the stores of the domain. It is safe for concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
	now     func() time.Time
}

var (
	_ identity.Users              = (*Store)(nil)
	_ identity.Credentials        = (*Store)(nil)
	_ identity.SessionIndex       = (*Store)(nil)
	_ identity.Attempts           = (*Store)(nil)
	_ identity.Directory          = (*Store)(nil)
	_ identity.Trail              = (*Store)(nil)
	_ identity.AdministratorStore = (*Store)(nil)
)

// NewStore returns a Store on pool, with names sealed by keyring.
func NewStore(pool *pgxpool.Pool, keyring *seal.Keyring, now func() time.Time) *Store {
	return &Store{pool: pool, keyring: keyring, now: now}
}

// fault wraps err with the operation. It returns ErrDatabase if the server or the sealing keys are
// unavailable. Violated constraints are translated by the caller of the statement.
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
