package seal

import (
	"context"
	"fmt"
)

// Row is a stored value.
type Row struct {
	Key     []string // identifies the row in its table
	Version string   // changes with every update of the row
	Place   string   // see Keyring.Seal
	Sealed  []byte
	Clear   []byte // the value in clear, if written before values were sealed
}

// Table is a table with sealed values.
type Table interface {
	// Name returns the table's name for reports.
	Name() string
	// Outdated returns up to limit rows, ordered by key, whose value is in clear or
	// does not begin with primary. It begins behind the key after, or at the first
	// row if after is nil.
	Outdated(ctx context.Context, primary []byte, after []string, limit int) ([]Row, error)
	// Replace stores sealed in rows, in one transaction. It skips rows whose version
	// has changed.
	Replace(ctx context.Context, rows []Row, sealed [][]byte) error
}

// Report is the result of Reseal for a table.
type Report struct {
	Resealed   int // rows, including those skipped because of a concurrent update
	Unreadable int // rows that no key opens
}

// batch is the number of rows per transaction.
const batch = 500

// Reseal seals the values of table with the primary key that are in clear or sealed
// with another key, so that the other keys can be removed. After an interruption it
// continues where it stopped. Rows that cannot be opened are counted and not changed.
func Reseal(ctx context.Context, keyring *Keyring, table Table) (Report, error) {
	total := Report{}
	for {
		done, err := resealOnce(ctx, keyring, table)
		total.Resealed += done.Resealed
		total.Unreadable = done.Unreadable
		if err != nil {
			return total, fmt.Errorf("reseal %s: %w", table.Name(), err)
		}
		if done.Resealed == 0 { // no concurrent write with another key
			return total, nil
		}
	}
}

// resealOnce reseals the rows of a table in one pass.
func resealOnce(ctx context.Context, keyring *Keyring, table Table) (Report, error) {
	var (
		done  Report
		after []string
	)
	for {
		primary, err := keyring.Primary(ctx)
		if err != nil {
			return done, err
		}
		rows, err := table.Outdated(ctx, primary, after, batch)
		if err != nil || len(rows) == 0 {
			return done, err
		}
		after = rows[len(rows)-1].Key
		readable, sealed, err := keyring.renew(ctx, rows)
		if err != nil {
			return done, err
		}
		if err := table.Replace(ctx, readable, sealed); err != nil {
			return done, err
		}
		done.Resealed += len(readable)
		done.Unreadable += len(rows) - len(readable)
	}
}

// renew reseals rows. It returns the rows that can be opened and their new values.
func (k *Keyring) renew(ctx context.Context, rows []Row) (readable []Row, sealed [][]byte, err error) {
	for _, row := range rows {
		plain := row.Clear
		if row.Clear == nil {
			if plain, err = k.Open(ctx, row.Sealed, row.Place); err != nil {
				continue
			}
		}
		fresh, err := k.Seal(ctx, plain, row.Place)
		if err != nil {
			return nil, nil, err
		}
		readable, sealed = append(readable, row), append(sealed, fresh)
	}
	return readable, sealed, nil
}
