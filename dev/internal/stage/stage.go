// Package stage starts an empty system for tests that load or disturb it, and gives access to its
// parts.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// Role names of the apps.
const (
	Auth     system.Role = "auth-service"
	Bills    system.Role = "bill-inquiry-service"
	Products system.Role = "product-change-service"
	KOSMock  system.Role = "kos-mock-service"
)

const (
	startTimeout = 5 * time.Minute // with an empty data folder and without build cache
	stopTimeout  = time.Minute
	// kosURL is the mock's URL, because the ingress does not route its admin API.
	kosURL = "http://127.0.0.1:8084"
)

// Stage is the real system with access to its parts.
type Stage struct {
	System  *system.System
	KOS     *kos.Admin
	Secrets secrets.Set

	console *console.Console
}

// Open starts an empty system with its data in a folder of .local and additional environment
// variables.
func Open(ctx context.Context, data string, env []string, out io.Writer) (*Stage, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: data, Fresh: true, Env: env, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(root.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return &Stage{System: s, KOS: kos.New(kosURL, nil), Secrets: set, console: console.New(out)}, nil
}

// Close stops the system, also after ctx has ended.
func (s *Stage) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.System.Stop(ctx)
}

// Say prints progress.
func (s *Stage) Say(format string, args ...any) { s.console.Printf(format, args...) }

// Seed creates users and sets the behaviour of KOS: Calm, except at the given endpoints.
func (s *Stage) Seed(ctx context.Context, users int, behaviors map[string]kos.Behavior) error {
	err := s.System.RunApp(ctx, Auth, "seed-demo", "--users", strconv.Itoa(users))
	return errors.Join(err, s.KOS.CalmDown(), s.Behave(behaviors))
}

// Behave sets the behaviour of KOS at the given endpoints.
func (s *Stage) Behave(behaviors map[string]kos.Behavior) (err error) {
	for endpoint, behavior := range behaviors {
		err = errors.Join(err, s.KOS.Behave(endpoint, behavior))
	}
	return err
}

// Password is the password of the seeded users.
const Password = "PhoneBill1!"

// User returns the id of the nth seeded user, from 0.
func User(n int) string { return fmt.Sprintf("loaduser%07d", n+1) }

// Customer returns the customer id of the nth seeded user.
func Customer(n int) string { return fmt.Sprintf("POP%07d", n+1) }

// Line returns the line of the nth seeded user.
func Line(n int) string { return fmt.Sprintf("0103%07d", n+1) }

// Query reads rows from the database of a service, as its owner. The columns of sql are the fields
// of T, in order.
func Query[T any](ctx context.Context, s *Stage, database, sql string, args ...any) ([]T, error) {
	password := s.Secrets["database-password-"+strings.ReplaceAll(database, "_", "-")]
	address := url.URL{
		Scheme: "postgres", Host: system.PostgresAddress, User: url.UserPassword(database, password), Path: database, RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	found, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[T])
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", database, err)
	}
	return rows, nil
}
