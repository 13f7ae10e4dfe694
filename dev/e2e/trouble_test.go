package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/system"
)

// databases are the databases on customers' paths, with the secret of the owner.
var databases = map[string]string{
	"auth": "database-password-auth", "bill_inquiry": "database-password-bill-inquiry", "product_change": "database-password-product-change",
}

// inDatabase executes statements as the owner of a database, in a writable session.
func inDatabase(ctx context.Context, database string, statements ...string) error {
	address := url.URL{
		Scheme: "postgres", Host: server(system.Postgres), Path: database, RawQuery: "sslmode=disable",
		User: url.UserPassword(database, whole.secrets[databases[database]]),
	}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return err
	}
	for _, sql := range append([]string{"SET default_transaction_read_only = off"}, statements...) {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", sql, err), conn.Close(ctx))
		}
	}
	return conn.Close(ctx)
}

// setReadOnly makes PostgreSQL refuse writes, as with a full disk, and ends existing sessions.
func setReadOnly(t testing.TB, only string) {
	t.Helper()
	for database := range databases {
		err := inDatabase(context.WithoutCancel(t.Context()), database,
			"ALTER DATABASE "+database+" SET default_transaction_read_only = "+only,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPostgresReadOnly(t *testing.T) {
	disruptive(t)
	customers := residentsWithBill(t, 4)
	before := incarnations(t)
	load := inquiries(customers)
	defer load.Stop()
	awaitSuccesses(t, load, 20)

	t.Cleanup(func() { setReadOnly(t, "off") })
	setReadOnly(t, "on")
	c := customers[0]
	unavailable(t, anonymous(t).Login(c.UserID, c.Password), "DATABASE_UNAVAILABLE")
	await(t, healTimeout, "a read", func() error { // connections that were ended leave the pools
		if answer := c.History(""); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
	c.UserInfo().OK(t)
	awaitSuccesses(t, load, 50)
	setReadOnly(t, "off")

	awaitLogin(t)
	awaitSuccesses(t, load, 20)
	calls := load.Stop()
	wantNoFailures(t, calls)
	recorded(t, customers, acknowledged(calls))
	liveSessions(t, customers)
	sameProcesses(t, before)
}

// TestRedisIsFlushed removes all sessions, cached entries, events and consumer groups.
func TestRedisIsFlushed(t *testing.T) {
	needs(t, system.Redis, system.RedisCache)
	disruptive(t)
	customers := residentsWithBill(t, 2)
	before := incarnations(t)
	flush(t, system.Redis, "redis-auth-key")
	flush(t, system.RedisCache, "redis-cache-auth-key")

	for _, c := range customers {
		await(t, healTimeout, "the end of a session", func() error {
			if answer := c.Verify(); answer.Status != http.StatusUnauthorized {
				return errAwaited(answer.String())
			}
			return nil
		})
		c.Refresh(c.Tokens.Refresh).Refused(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
		c.Login(c.UserID, c.Password).OK(t)
	}
	liveSessions(t, customers)
	sameProcesses(t, before)
}

func flush(t testing.TB, role system.Role, secret string) {
	t.Helper()
	if err := redis.Delete(t.Context(), server(role), whole.secrets[secret], "*"); err != nil {
		t.Fatal(err)
	}
}

// TestFullCache fills the cache's Redis while customers inquire and log in.
func TestFullCache(t *testing.T) {
	needs(t, system.RedisCache)
	disruptive(t)
	customers := residentsWithBill(t, 4)
	asking, entering := inquiries(customers), logins(t, resident(t))
	defer asking.Stop()
	defer entering.Stop()
	awaitSuccesses(t, asking, 20)
	const tooMuch = 128 << 20
	if err := redis.Fill(t.Context(), server(system.RedisCache), whole.secrets["redis-cache-auth-key"], "phonebill-cache||filler ", tooMuch); err != nil {
		t.Fatalf("the cache refuses writes: %v", err)
	}
	awaitSuccesses(t, asking, 50)
	wantNoFailures(t, asking.Stop())
	entries := entering.Stop()
	wantNoFailures(t, entries)
	wantLiveSessions(t, entries)
	liveSessions(t, customers)
	flush(t, system.RedisCache, "redis-cache-auth-key") // removes the filler
}
