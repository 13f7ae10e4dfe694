package pg

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Rows are rows in the binary format of COPY. The zero value has no rows. A row begins
// with Begin and has one call for each column. It writes the format itself because
// pgx.CopyFrom allocates for each value and describes the table first.
type Rows struct{ data []byte }

// The format is described in the PostgreSQL manual, COPY, "Binary Format".
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // no flags, no extension
	copyTrailer = "\xff\xff"
	copyNull    = 0xffffffff
	// copyEpoch is 2000-01-01 in microseconds of Unix time.
	copyEpoch = 946_684_800_000_000
)

// Reset removes all rows and keeps the memory.
func (r *Rows) Reset() { r.data = r.data[:0] }

// Begin begins a row.
func (r *Rows) Begin(columns uint16) {
	if len(r.data) == 0 {
		r.data = append(r.data, copyHeader...)
	}
	r.data = binary.BigEndian.AppendUint16(r.data, columns)
}

// Text adds a text.
func (r *Rows) Text(text string) {
	r.size(len(text))
	r.data = append(r.data, text...)
}

// Bytes adds a bytea.
func (r *Rows) Bytes(value []byte) {
	r.size(len(value))
	r.data = append(r.data, value...)
}

// UUID adds a uuid. It returns an error if text is not one.
func (r *Rows) UUID(text string) error {
	id, err := uuid.Parse(text)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	r.Bytes(id[:])
	return nil
}

// Time adds a timestamptz in microseconds, or NULL for the zero time.
func (r *Rows) Time(at time.Time) {
	if at.IsZero() {
		r.data = binary.BigEndian.AppendUint32(r.data, copyNull)
		return
	}
	r.size(8)
	r.data = binary.BigEndian.AppendUint64(r.data, uint64(at.UnixMicro()-copyEpoch)) //nolint:gosec // two's complement, as the format has it
}

func (r *Rows) size(n int) {
	r.data = binary.BigEndian.AppendUint32(r.data, uint32(n)) //nolint:gosec // values are far below 4 GiB
}

// Copy executes a COPY FROM STDIN BINARY statement with the rows, in a transaction of
// its own. It writes all rows or returns an error.
func (r *Rows) Copy(ctx context.Context, pool *pgxpool.Pool, statement string) error {
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(append(r.data, copyTrailer...)), statement)
		return err
	})
}
