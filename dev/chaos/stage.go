package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// Role names of the apps.
const (
	auth     system.Role = "auth-service"
	bills    system.Role = "bill-inquiry-service"
	products system.Role = "product-change-service"
	kosMock  system.Role = "kos-mock-service"
)

const (
	startTimeout = 5 * time.Minute // with an empty data folder and without build cache
	stopTimeout  = time.Minute
	// kosURL is the mock's URL, because the ingress does not route its admin API.
	kosURL = "http://127.0.0.1:8084"
)

// stage is the real system with access to its parts.
type stage struct {
	system  *system.System
	kos     *kos.Admin
	secrets secrets.Set

	console   *console.Console
	transport http.RoundTripper
}

// openStage starts an empty system with its data below .local/chaos and additional environment
// variables.
func openStage(ctx context.Context, env []string, out io.Writer) (*stage, error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: "chaos", Fresh: true, Env: env, Out: out})
	if err != nil {
		return nil, err
	}
	set, err := secrets.Load(root.Secrets())
	if err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return &stage{
		system: s, kos: kos.New(kosURL, nil), secrets: set, console: console.New(out),
		transport: api.Timed(&http.Transport{MaxIdleConnsPerHost: 200}),
	}, nil
}

// close stops the system, also after ctx has ended.
func (s *stage) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.system.Stop(ctx)
}

// say prints progress.
func (s *stage) say(format string, args ...any) { s.console.Printf(format, args...) }

// seed creates users and sets the behaviour of KOS: Calm, except at the given endpoints.
func (s *stage) seed(ctx context.Context, users int, behaviors map[string]kos.Behavior) error {
	err := errors.Join(s.system.RunApp(ctx, auth, "seed-demo", "--users", strconv.Itoa(users)), s.kos.CalmDown())
	for endpoint, behavior := range behaviors {
		err = errors.Join(err, s.kos.Behave(endpoint, behavior))
	}
	return err
}

// client returns the nth seeded user, from 0, who has not logged in.
func (s *stage) client(n int) *client {
	return &client{api: api.New(s.system.URL(), s.transport), user: fmt.Sprintf("loaduser%07d", n+1), line: seededLine(n)}
}

// seededLine returns the line of the nth seeded user.
func seededLine(n int) string { return fmt.Sprintf("0103%07d", n+1) }

// query reads rows from the database of a service, as its owner. The columns of sql are the fields
// of T, in order.
func query[T any](ctx context.Context, s *stage, database, sql string, args ...any) ([]T, error) {
	password := s.secrets["database-password-"+strings.ReplaceAll(database, "_", "-")]
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

const readRows = `
SELECT r.request_id::text, r.user_id, coalesce(k.key, ''), r.line_number,
    r.current_code, r.target_code, r.status, r.result_code, q.item_id IS NOT NULL,
    r.requested_at, r.processed_at
FROM change_request r
LEFT JOIN idempotency_key k USING (request_id)
LEFT JOIN kos_queue q ON q.endpoint = 'product-change' AND q.payload ->> 'requestId' = r.request_id::text
ORDER BY r.requested_at, r.request_id`

// rows returns all accepted changes, oldest first.
func (s *stage) rows(ctx context.Context) ([]Row, error) {
	return query[Row](ctx, s, "product_change", readRows)
}

// KOSCall is a call in KOS's own log.
type KOSCall struct {
	At       time.Time
	Endpoint string
	Status   int // 0: unanswered
}

const readCalls = `
SELECT at, endpoint, coalesce(status, 0)
FROM kos_call
WHERE at >= $1 AND (client, endpoint) IN (
    ('bill-inquiry-service', 'bill-inquiry'), ('bill-inquiry-service', 'product-inquiry'),
    ('product-change-service', 'product-change'))
ORDER BY at`

// calls returns the calls about bills and customers and the orders that reached KOS since a time,
// oldest first.
func (s *stage) calls(ctx context.Context, since time.Time) ([]KOSCall, error) {
	return query[KOSCall](ctx, s, "kos_mock", readCalls, since)
}
