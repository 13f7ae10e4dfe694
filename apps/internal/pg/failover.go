package pg

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
)

// A pool follows a failover by four rules:
//   - A new connection goes to a host that accepts writes, or if there is none, to
//     a read-only one, so that reads go on. The last primary is tried first.
//   - A connection whose server rejects a write is closed at once.
//   - A connection whose server reports that it is read-only is replaced after
//     readOnlyLife.
//   - A connection whose server does not respond is closed by pingTimeout or keepAlive.

// readOnlyLife is how long a connection to a read-only server is used before the
// pool looks for a primary again.
const readOnlyLife = 3 * time.Second

// rounds is how often a connection attempt tries all hosts: the first round looks
// for a primary, the second accepts a read-only server, and the third is for a
// password that is rotated meanwhile.
const rounds = 3

var errReadOnly = errors.New("server is read-only")

// keepSession is a pgconn OnPgError: false closes the connection.
func keepSession(_ *pgconn.PgConn, fault *pgconn.PgError) bool { return !pgerr.EndsSession(fault) }

// readOnly reports whether the server of a connection has announced that it is
// read-only, as servers since version 14 do. Poolers may not forward that.
func readOnly(conn *pgconn.PgConn) bool {
	return conn.ParameterStatus("in_hot_standby") == "on" || conn.ParameterStatus("default_transaction_read_only") == "on"
}

// readOnlySince is the CustomData key of the time at which a connection was found
// to be read-only.
const readOnlySince = "phonebill read-only since"

// expireReadOnly is a pgxpool PrepareConn. It returns false, which makes the pool
// replace the connection, after readOnlyLife.
func expireReadOnly(_ context.Context, conn *pgx.Conn) (bool, error) {
	data := conn.PgConn().CustomData()
	if !readOnly(conn.PgConn()) {
		delete(data, readOnlySince)
		return true, nil
	}
	since, known := data[readOnlySince].(time.Time)
	if !known {
		data[readOnlySince] = time.Now()
		return true, nil
	}
	return time.Since(since) < readOnlyLife, nil
}

// hosts are the servers of a database.
type hosts struct {
	all  []*pgconn.FallbackConfig
	best atomic.Int64 // the index of the last known primary
}

func newHosts(conn *pgx.ConnConfig) *hosts {
	first := &pgconn.FallbackConfig{Host: conn.Host, Port: conn.Port, TLSConfig: conn.TLSConfig}
	return &hosts{all: append([]*pgconn.FallbackConfig{first}, conn.Fallbacks...)}
}

// attempt is one attempt to connect.
type attempt struct {
	*hosts
	first    int             // the index of the host that is tried first
	dialled  atomic.Int64    // atomic, as pgconn also dials to cancel statements
	readOnly map[string]bool // the addresses of read-only servers
	dial     pgconn.DialFunc
	validate pgconn.ValidateConnectFunc
}

// set makes conn try the hosts, the last known primary first.
func (h *hosts) set(conn *pgx.ConnConfig) {
	a := &attempt{
		hosts: h, first: int(h.best.Load()), readOnly: map[string]bool{},
		dial: conn.DialFunc, validate: conn.ValidateConnect,
	}
	order := slices.Concat(h.all[a.first:], h.all[:a.first])
	conn.Host, conn.Port, conn.TLSConfig = order[0].Host, order[0].Port, order[0].TLSConfig
	conn.Fallbacks = slices.Repeat(order, rounds)[1:]
	conn.DialFunc, conn.ValidateConnect = a.count, a.accept
}

func (a *attempt) count(ctx context.Context, network, address string) (net.Conn, error) {
	a.dialled.Add(1)
	return a.dial(ctx, network, address)
}

// accept is a pgconn ValidateConnect: after an error pgconn tries the next host.
func (a *attempt) accept(ctx context.Context, session *pgconn.PgConn) error {
	if err := a.validate(ctx, session); err != nil {
		return err
	}
	if address := session.Conn().RemoteAddr().String(); !readOnly(session) {
		// Exact if each host has one address. Otherwise only the order is wrong.
		a.best.Store((int64(a.first) + a.dialled.Load() - 1) % int64(len(a.all)))
	} else if !a.readOnly[address] {
		a.readOnly[address] = true
		return errReadOnly
	}
	return nil
}
