// Package postgres stores changes, their history and the last answers of KOS.
package postgres

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the service's migrations, in tern's format.
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
	{Table: "change_request", Keep: 24},
	{Table: "kos_exchange", Keep: 12},
	audit.Table,
}

// LineChanged is the channel of NOTIFY for invalidated lines. The payload is the line
// number.
const LineChanged = "line_changed"

// fault wraps err with the operation that failed. It returns change.ErrDatabase if
// PostgreSQL is unavailable.
func fault(operation string, err error) error {
	err = fmt.Errorf("%s: %w", operation, err)
	if pgerr.Unavailable(err) {
		return change.ErrDatabase.WithCause(err)
	}
	return err
}
