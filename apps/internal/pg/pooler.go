package pg

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// errPooler is returned for a pooler that is not configured: prepared statements
// would fail at random, and LISTEN would receive nothing.
var errPooler = errors.New("a connection pooler answers instead of PostgreSQL: set DB_POOLER to its mode and, for the mode transaction, DB_DIRECT_PORT to the port of PostgreSQL itself")

// rejectPooler returns a pgconn.ValidateConnectFunc that returns errPooler if the
// process id of a connection is not the server's. Poolers send random ones. It does
// nothing if cfg has a pooler.
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
