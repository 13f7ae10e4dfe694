package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setup(t *testing.T) (*postgres.Store, *pgtest.Database) {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	return postgres.NewStore(database.Pool, sealtest.Keyring(t), time.Now), database
}

func TestStore(t *testing.T) {
	t.Parallel()
	newStore := func(t *testing.T, now func() time.Time) identitytest.Store {
		t.Helper()
		return postgres.NewStore(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t), now)
	}
	identitytest.RunStore(t, newStore)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	writer := postgres.NewHistoryWriter(database.Pool, slog.New(slog.DiscardHandler), groupcommit.NewMetrics(prometheus.NewRegistry()))
	history := postgres.NewHistory(database.Pool, writer)
	writer.Start()
	defer func() { expect.NoError(t, writer.Stop(context.Background())) }()
	identitytest.RunLoginHistory(t, history)
}

func TestExpiredAttemptsArePruned(t *testing.T) {
	t.Parallel()
	store, database := setup(t)
	for i := range 25 {
		_, err := database.Pool.Exec(t.Context(), "INSERT INTO login_attempt (user_id, failures, attempted_at) VALUES ($1, 5, $2)",
			fmt.Sprintf("old%d", i), time.Now().Add(-identity.FailureLifetime))
		expect.NoError(t, err)
	}
	for i := range 3 {
		_, err := store.CountAttempt(t.Context(), fmt.Sprintf("new%d", i))
		expect.NoError(t, err)
	}
	var left int
	expect.NoError(t, database.Pool.QueryRow(t.Context(), "SELECT count(*) FROM login_attempt").Scan(&left))
	if left != 3 {
		t.Errorf("%d rows are left", left)
	}
}

// TestPartitioned checks that all tables of Partitioned exist and are partitioned.
func TestPartitioned(t *testing.T) {
	t.Parallel()
	_, database := setup(t)
	for _, table := range postgres.Partitioned {
		expect.NoError(t, table.Maintain(t.Context(), database.Pool, time.Now()))
	}
}

// kim is an account for the tests below.
var kim = identitytest.Customer("kim", "CUST1", "01011112222")

func TestLoginDuringPasswordChangeWaitsAndFails(t *testing.T) {
	t.Parallel()
	store, database := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	opened := make(chan error, 1)
	change := identity.PasswordChange{UserID: "kim", From: kim.PasswordHash, To: "new hash"}
	expect.NoError(t, store.ReplacePassword(t.Context(), change, func(ctx context.Context, _ []string) error {
		go func() { opened <- open(ctx, store, "late", kim.PasswordHash) }()
		return awaitBlocked(ctx, database.Pool)
	}))
	if err := <-opened; !errors.Is(err, identity.ErrCredentials) {
		t.Fatalf("a session was opened with the old password: %v", err)
	}
	expect.NoError(t, open(t.Context(), store, "later", "new hash"))
}

// awaitBlocked returns when a statement is blocked by a lock.
func awaitBlocked(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		var blocked bool
		err := pool.QueryRow(ctx, `
			SELECT EXISTS (
				SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
			)`).Scan(&blocked)
		if err != nil || blocked {
			return err
		}
	}
}

func open(ctx context.Context, store *postgres.Store, id, hash string) error {
	return store.Open(ctx, identity.Session{ID: id, UserID: "kim", Permissions: kim.Permissions}, hash, time.Now().Add(time.Hour))
}

// idlePool are Passwords that fail the test if the caller holds a database connection.
type idlePool struct {
	identitytest.Passwords
	t    *testing.T
	pool *pgxpool.Pool
}

// Verify implements identity.Passwords.
func (p *idlePool) Verify(ctx context.Context, client, password, hash string, begin func(context.Context) error) (right, outdated bool, err error) {
	return p.Passwords.Verify(ctx, client, password, hash, func(ctx context.Context) error {
		err := begin(ctx)
		if held := p.pool.Stat().AcquiredConns(); held != 0 {
			p.t.Errorf("%d connections are held while a password is hashed", held)
		}
		return err
	})
}

func TestLoginHoldsNoConnectionWhileHashing(t *testing.T) {
	t.Parallel()
	store, database := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	passwords := &idlePool{t: t, pool: database.Pool}
	sessions := identity.NewSessions(identity.SessionsParams{
		Guard:  identity.NewGuard(identity.GuardParams{Credentials: store, Passwords: passwords, Attempts: store}),
		Tokens: &identitytest.Tokens{}, Index: store, Store: identitytest.NewSessions(),
		History: &identitytest.History{}, Recorder: &identitytest.Recorder{}, Now: time.Now,
		Lifetimes: identity.Lifetimes{Idle: time.Minute, Absolute: time.Hour, Refresh: time.Hour},
	})
	_, err := sessions.Login(t.Context(), identity.LoginRequest{UserID: "kim", Password: identitytest.Password})
	expect.NoError(t, err)
	if passwords.Work() != 1 {
		t.Error("no password was verified")
	}
}

func TestConcurrentRegistrationsOfALineOneWins(t *testing.T) {
	t.Parallel()
	store, _ := setup(t)
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		won   int
	)
	for i := range 8 {
		group.Go(func() {
			err := store.Create(t.Context(), identitytest.Customer(fmt.Sprintf("user%d", i), fmt.Sprintf("CUST%d", i), "01011112222"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, identity.ErrLineTaken) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("%d registrations succeeded", won)
	}
}

func TestExpiredSessionsArePruned(t *testing.T) {
	t.Parallel()
	store, database := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	past := time.Now().Add(-time.Second)
	for i := range 25 {
		_, err := database.Pool.Exec(t.Context(),
			"INSERT INTO user_session (session_id, user_id, expires_at) VALUES ($1, 'kim', $2)", fmt.Sprintf("old%d", i), past)
		expect.NoError(t, err)
	}
	for i := range 3 {
		expect.NoError(t, open(t.Context(), store, fmt.Sprintf("new%d", i), kim.PasswordHash))
	}
	var expired, live int
	expect.NoError(t, database.Pool.QueryRow(t.Context(),
		"SELECT count(*) FILTER (WHERE expires_at < now()), count(*) FILTER (WHERE expires_at > now()) FROM user_session").
		Scan(&expired, &live))
	if expired != 0 || live != 3 {
		t.Errorf("%d expired and %d live sessions are left", expired, live)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	store, _ := setup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	accounts := []identity.Account{kim, identitytest.Administrator("root")}
	for i := range 3_000 {
		accounts = append(accounts, identitytest.Customer(
			fmt.Sprintf("user%d", i), fmt.Sprintf("POP%d", i), msisdn.Number(fmt.Sprintf("0103%07d", i))))
	}
	for _, want := range []int{3_001, 0} {
		if created, err := store.Import(t.Context(), accounts); err != nil || created != want {
			t.Fatalf("imported %d, %v, want %d", created, err, want)
		}
	}
	for _, want := range accounts[1:4] {
		got, err := store.Account(t.Context(), want.ID)
		expect.NoError(t, err)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestStoreFulfilsLedgerContract(t *testing.T) {
	t.Parallel()
	clock := time.Now().Round(time.Microsecond).UTC() // the database's precision
	now := func() time.Time { return clock }
	store := postgres.NewStore(pgtest.New(t, postgres.Migrations()).Pool, sealtest.Keyring(t), now)
	tokentest.LedgerContract(t, store, now, func(d time.Duration) { clock = clock.Add(d) })
}

// anySecret returns the same value for every secret.
type anySecret struct{}

// Secret implements sidecar.Secrets.
func (anySecret) Secret(context.Context, string) (string, error) { return "any", nil }

// Reread implements sidecar.Secrets.
func (anySecret) Reread(context.Context, string) (string, error) { return "any", nil }

func TestDatabaseOutageIsUnavailable(t *testing.T) {
	t.Parallel()
	pool, err := pg.Open(pg.Config{Host: "127.0.0.1", Port: 1, Name: "auth", User: "auth", SSLMode: "disable", MaxConns: 1}, anySecret{})
	expect.NoError(t, err)
	t.Cleanup(pool.Close)
	store := postgres.NewStore(pool, sealtest.Keyring(t), time.Now)
	user := identity.Session{ID: "s1", UserID: "kim"}
	_, errUser := store.User(t.Context(), "kim")
	_, errAccount := store.Account(t.Context(), "kim")
	_, errRegistered := store.Registered(t.Context(), "CUST1", "01011112222")
	_, errExtend := store.Extend(t.Context(), "s1", time.Now())
	_, errKeys := store.PublishedSince(t.Context(), []string{"key"})
	_, errImport := store.Import(t.Context(), nil)
	_, errCount := store.CountAttempt(t.Context(), "kim")
	_, errRenew := store.RenewHash(t.Context(), "kim", "a", "b")
	_, errSessions := store.Sessions(t.Context(), "kim")
	_, errLogins := postgres.NewHistory(pool, nil).Logins(t.Context(), "kim", 1, 10)
	for name, err := range map[string]error{
		"User": errUser, "Account": errAccount, "Registered": errRegistered, "Extend": errExtend, "Import": errImport,
		"CountAttempt": errCount, "RenewHash": errRenew, "Sessions": errSessions, "Logins": errLogins,
		"Reset":           store.Reset(t.Context(), "kim"),
		"PublishedSince":  errKeys,
		"Available":       store.Available(t.Context(), kim.User),
		"Create":          store.Create(t.Context(), kim),
		"CreateHolder":    store.CreateHolder(t.Context(), kim),
		"Open":            store.Open(t.Context(), user, "hash", time.Now()),
		"Close":           store.Close(t.Context(), "s1"),
		"ReplacePassword": store.ReplacePassword(t.Context(), identity.PasswordChange{}, nil),
	} {
		if !errors.Is(err, identity.ErrDatabase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
