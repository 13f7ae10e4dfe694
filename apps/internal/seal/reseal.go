package seal

import (
	"context"
	"fmt"
)

// Row is a value that a table keeps.
type Row struct {
	Key     []string // where it is, in the table's own terms
	Version string   // is another when the row was changed
	Place   string   // what it is sealed for
	Sealed  []byte
	Clear   []byte // what it is instead, if written by software that did not seal
}

// Table is a table with sealed values.
type Table interface {
	// Name is for reports.
	Name() string
	// Outdated returns up to limit rows, in the order of their keys, that come
	// after the row with the key after (nil: from the first) and hold a value in
	// clear or one that does not begin with primary.
	Outdated(ctx context.Context, primary []byte, after []string, limit int) ([]Row, error)
	// Replace puts sealed into the rows, in one transaction, each unless its
	// version is another by now.
	Replace(ctx context.Context, rows []Row, sealed [][]byte) error
}

// Report is what Reseal did to a table.
type Report struct {
	Resealed   int // rows, some of which may have been changed by others meanwhile
	Unreadable int // rows that no key opens
}

// batch is how many rows are read, and written in a transaction.
const batch = 500

// Reseal seals with the primary key what is sealed with another one or kept in
// clear, so that the other keys can be removed. Interrupted, it goes on where it
// was: what is done is not done again. Rows that cannot be opened stay as they
// are and are counted.
func Reseal(ctx context.Context, keyring *Keyring, table Table) (Report, error) {
	total := Report{}
	for {
		done, err := pass(ctx, keyring, table)
		total.Resealed += done.Resealed
		total.Unreadable = done.Unreadable
		if err != nil {
			return total, fmt.Errorf("reseal %s: %w", table.Name(), err)
		}
		if done.Resealed == 0 { // nobody has written with another key meanwhile
			return total, nil
		}
	}
}

// pass goes through a table once.
func pass(ctx context.Context, keyring *Keyring, table Table) (Report, error) {
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

// renew seals anew those of the rows that can be opened, which it returns too.
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
