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

// passwordPause is the time between attempts while the server accepts no password.
const passwordPause = 100 * time.Millisecond

// SQLSTATE codes, PostgreSQL manual, appendix A.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
)

// password is the password of a database. It may be rotated at any time: role and
// secret may change in either order.
type password struct {
	secrets sidecar.Secrets
	name    string

	mu       sync.Mutex
	accepted string // the password last accepted by the server
}

// set sets the password of conn, which must have fallbacks: if the server rejects
// the password, the next fallback uses another one. A password from a password file
// is kept.
func (p *password) set(ctx context.Context, conn *pgx.ConnConfig) error {
	if conn.Password != "" {
		return nil
	}
	secret, err := p.secrets.Secret(ctx, p.name)
	if err != nil {
		return fmt.Errorf("%w: %w", pgerr.ErrNoPassword, err)
	}
	login := &login{password: p, plain: conn.Copy(), secret: secret}
	conn.Password = secret
	conn.OnPgError = login.onError
	conn.AfterNetConnect = login.afterDial
	conn.AfterConnect = login.afterConnect
	return nil
}

// login is one attempt to connect. pgxpool does not retry a connection whose
// password is rejected, which would fail a request; login does.
type login struct {
	*password
	plain    *pgx.ConnConfig // without the hooks of login
	secret   string          // the password in use
	rejected bool
}

// onError is a pgconn OnPgError. It changes the code of a rejected password, as
// pgconn would not try the fallbacks.
func (l *login) onError(conn *pgconn.PgConn, fault *pgconn.PgError) bool {
	if rejected(fault) {
		l.rejected, fault.Code = true, invalidAuthorization
	}
	return l.plain.OnPgError(conn, fault)
}

// afterDial is a pgconn AfterNetConnect. After a rejection it waits for a password
// that the server accepts.
func (l *login) afterDial(ctx context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	if !l.rejected {
		return conn, nil
	}
	l.rejected = false
	var err error
	l.secret, err = l.find(ctx, l.plain)
	config.Password = l.secret
	return conn, err
}

// afterConnect is a pgconn AfterConnect.
func (l *login) afterConnect(context.Context, *pgconn.PgConn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = l.secret
	return nil
}

// find returns a password that the server accepts: the current secret or the
// password accepted before. It retries until ctx ends, because role and secret do
// not change at the same time.
func (p *password) find(ctx context.Context, conn *pgx.ConnConfig) (string, error) {
	for {
		secret, err := p.secrets.Reread(ctx, p.name)
		if err != nil {
			return "", fmt.Errorf("%w: %w", pgerr.ErrNoPassword, err)
		}
		for _, candidate := range []string{secret, p.last()} {
			if err = try(ctx, conn, candidate); !rejected(err) {
				return candidate, err
			}
		}
		select {
		case <-time.After(passwordPause):
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

// try opens and closes a connection with a password.
func try(ctx context.Context, conn *pgx.ConnConfig, secret string) error {
	trial := conn.Copy()
	trial.Password = secret
	opened, err := pgconn.ConnectConfig(ctx, &trial.Config)
	if err != nil {
		return err
	}
	_ = opened.Close(ctx)
	return nil
}

// rejected reports whether the server has rejected the password.
func rejected(err error) bool {
	fault, ok := errors.AsType[*pgconn.PgError](err)
	return ok && fault.Code == invalidPassword
}
