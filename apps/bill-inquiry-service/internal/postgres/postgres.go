// Package postgres stores bills, both histories and the queue of fetches in the service's
// database.
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

// Migrations returns the service's migrations in tern's format.
func Migrations() fs.FS {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Partitioned are the tables with a partition for each month. Product rule: requests
// are stored for 2 years, exchanges with KOS for 1 year.
var Partitioned = []pg.Partitions{
	{Table: "inquiry_request", Keep: 24},
	{Table: "kos_exchange", Keep: 12},
	audit.Table,
}

// fault returns err with the operation. It wraps bill.ErrDatabase if the database is
// down or too slow, or the keys of its sealed values are missing.
func fault(op string, err error) error {
	err = fmt.Errorf("%s: %w", op, err)
	if pgerr.Unavailable(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, seal.ErrNoKeys) {
		return bill.ErrDatabase.WithCause(err)
	}
	return err
}
