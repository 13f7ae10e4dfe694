package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// retrial is how often passwords are tried while the server accepts none.
const retrial = 100 * time.Millisecond

// SQLSTATE codes, PostgreSQL manual, appendix A.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
)

// password is the secret that opens a database. It may be rotated at any time,
// the role's and the secret's in either order.
type password struct {
	secrets sidecar.Secrets
	name    string

	mu       sync.Mutex
	accepted string // by the server, last
}

// set prepares conn, which must have fallbacks, to be opened with the password:
// should the server refuse it, a fallback is opened with another one. A password
// that a password file gave is kept.
func (p *password) set(ctx context.Context, conn *pgx.ConnConfig) error {
	if conn.Password != "" {
		return nil
	}
	secret, err := p.secrets.Secret(ctx, p.name)
	if err != nil {
		return fmt.Errorf("%w: %w", pgerr.ErrNoPassword, err)
	}
	opening := &opening{password: p, plain: conn.Copy(), secret: secret}
	conn.Password = secret
	conn.OnPgError = opening.fault
	conn.AfterNetConnect = opening.dialled
	conn.AfterConnect = opening.opened
	return nil
}

// opening is one connection on its way. A pool has no second chance for one
// that was refused, it would fail a request; so it is given one here.
type opening struct {
	*password
	plain   *pgx.ConnConfig // without what is done here
	secret  string          // that is tried
	refused bool
}

// fault is pgconn's OnPgError. A refused password it shows as a refusal of
// another kind: pgconn would not try again.
func (o *opening) fault(conn *pgconn.PgConn, fault *pgconn.PgError) bool {
	if refused(fault) {
		o.refused, fault.Code = true, invalidAuthorization
	}
	return o.plain.OnPgError(conn, fault)
}

// dialled is pgconn's AfterNetConnect. After a refusal it waits for a password
// that is accepted.
func (o *opening) dialled(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if !o.refused {
		return conn, nil
	}
	o.refused = false
	var err error
	o.secret, err = o.find(ctx, o.plain)
	config.Password = o.secret
	return conn, err
}

// opened is pgconn's AfterConnect.
func (o *opening) opened(context.Context, *pgconn.PgConn) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accepted = o.secret
	return nil
}

// find returns the password that the server accepts: what the secret store has
// now, or what was accepted before. It tries for as long as ctx allows, because
// the role and the secret do not change at the same instant.
func (p *password) find(ctx context.Context, conn *pgx.ConnConfig) (string, error) {
	for {
		secret, err := p.secrets.Reread(ctx, p.name)
		if err != nil {
			return "", fmt.Errorf("%w: %w", pgerr.ErrNoPassword, err)
		}
		for _, candidate := range []string{secret, p.last()} {
			if err = try(ctx, conn, candidate); !refused(err) {
				return candidate, err
			}
		}
		select {
		case <-time.After(retrial):
		case <-ctx.Done():
			return "", err
		}
	}
}

func (p *password) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// try opens a connection and closes it.
func try(ctx context.Context, conn *pgx.ConnConfig, secret string) error {
	trial := conn.Copy()
	trial.Password = secret
	opened, err := pgconn.ConnectConfig(ctx, &trial.Config)
	if err != nil {
		return err
	}
	_ = opened.Close(ctx) // it has told what we wanted to know
	return nil
}

// refused reports whether the server did not accept the password.
func refused(err error) bool {
	fault, ok := errors.AsType[*pgconn.PgError](err)
	return ok && fault.Code == invalidPassword
}
