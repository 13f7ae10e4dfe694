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

// A pool follows a failover by four rules. A new connection goes to the host
// that writes, and to one that only reads if there is no other, so that reads go
// on; of several hosts the one that was right last is tried first. A connection
// whose server refuses to write is closed at once. One whose server says that it
// only reads is replaced after readOnlyLife. One whose server is silent is given
// up by pingTimeout and keepAlive.

// readOnlyLife is how long a connection to a server that only reads is used
// before the hosts are asked again which of them writes.
const readOnlyLife = 3 * time.Second

// rounds is how often a connection attempt goes through the hosts: the first
// looks for one that writes, the second takes one that reads, and one more is
// for a password that changes meanwhile.
const rounds = 3

var errReadOnly = errors.New("the server does not write")

// keepSession is pgconn's OnPgError: false closes the connection.
func keepSession(_ *pgconn.PgConn, fault *pgconn.PgError) bool { return !pgerr.EndsSession(fault) }

// readOnly reports what the server of a connection has said about itself since
// version 14. A pooler may not pass it on.
func readOnly(conn *pgconn.PgConn) bool {
	return conn.ParameterStatus("in_hot_standby") == "on" || conn.ParameterStatus("default_transaction_read_only") == "on"
}

// readOnlySince is the key of the time since when a connection is known to be
// read-only, in its CustomData.
const readOnlySince = "phonebill read-only since"

// leaveReadOnly is pgxpool's PrepareConn: false replaces the connection.
func leaveReadOnly(_ context.Context, conn *pgx.Conn) (bool, error) {
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
	best atomic.Int64 // the index of the one that wrote last
}

func newHosts(conn *pgx.ConnConfig) *hosts {
	first := &pgconn.FallbackConfig{Host: conn.Host, Port: conn.Port, TLSConfig: conn.TLSConfig}
	return &hosts{all: append([]*pgconn.FallbackConfig{first}, conn.Fallbacks...)}
}

// attempt is one attempt to connect.
type attempt struct {
	*hosts
	first    int             // the host that is tried first
	dialled  atomic.Int64    // pgconn dials to cancel a statement, too, at any time
	readOnly map[string]bool // the addresses of servers that only read
	dial     pgconn.DialFunc
	validate pgconn.ValidateConnectFunc
}

// set has conn try the hosts in order.
func (h *hosts) set(conn *pgx.ConnConfig) {
	a := &attempt{
		hosts: h, first: int(h.best.Load()), readOnly: map[string]bool{},
		dial: conn.DialFunc, validate: conn.ValidateConnect,
	}
	order := slices.Concat(h.all[a.first:], h.all[:a.first])
	conn.Host, conn.Port, conn.TLSConfig = order[0].Host, order[0].Port, order[0].TLSConfig
	conn.Fallbacks = slices.Repeat(order, rounds)[1:]
	conn.DialFunc, conn.ValidateConnect = a.count, a.judge
}

func (a *attempt) count(ctx context.Context, network, address string) (net.Conn, error) {
	a.dialled.Add(1)
	return a.dial(ctx, network, address)
}

// judge is pgconn's ValidateConnect: an error has the next host tried.
func (a *attempt) judge(ctx context.Context, session *pgconn.PgConn) error {
	if err := a.validate(ctx, session); err != nil {
		return err
	}
	if address := session.Conn().RemoteAddr().String(); !readOnly(session) {
		// Right where each host has one address; the order is all it decides.
		a.best.Store((int64(a.first) + a.dialled.Load() - 1) % int64(len(a.all)))
	} else if !a.readOnly[address] {
		a.readOnly[address] = true
		return errReadOnly
	}
	return nil
}
