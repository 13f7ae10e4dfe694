package pg

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// errPooler says what is wrong where a pooler answers that the configuration
// does not name. Prepared statements would fail now and then, and LISTEN would
// hear nothing.
var errPooler = errors.New("a connection pooler answers instead of PostgreSQL: set DB_POOLER to its mode and, for the mode transaction, DB_DIRECT_PORT to the port of PostgreSQL itself")

// rejectPooler returns the pgconn.ValidateConnectFunc that refuses a pooler where
// cfg has none. A pooler tells clients made-up process ids.
func rejectPooler(cfg Config) pgconn.ValidateConnectFunc {
	if cfg.Pooler != "" && cfg.Pooler != PoolerNone {
		return func(context.Context, *pgconn.PgConn) error { return nil }
	}
	return func(ctx context.Context, session *pgconn.PgConn) error {
		results, err := session.Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
		if err != nil {
			return err
		}
		if string(results[0].Rows[0][0]) != strconv.FormatUint(uint64(session.PID()), 10) {
			return errPooler
		}
		return nil
	}
}
