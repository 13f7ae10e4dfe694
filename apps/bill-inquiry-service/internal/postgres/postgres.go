// Package postgres keeps bills and both histories in the service's database.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations are the service's migrations in tern's format.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Partitioned are the tables that have a partition for each month. Product
// rule: requests are kept 2 years, exchanges with KOS 1 year.
var Partitioned = []pg.Partitions{
	{Table: "inquiry_request", Keep: 24},
	{Table: "kos_exchange", Keep: 12},
	audit.Table,
}

// fault says what could not be done, and whether the database is to blame. A
// database that takes too long is as good as away, and so is one without the
// keys of what it holds.
func fault(op string, err error) error {
	err = fmt.Errorf("%s: %w", op, err)
	if pgerr.Unavailable(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, seal.ErrNoKeys) {
		return bill.ErrDatabase.WithCause(err)
	}
	return err
}
