package pg_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// rotation is a role whose password is rotated, and a secret store with a cache.
type rotation struct {
	t        *testing.T
	database *pgtest.Database
	role     string

	cached, stored atomic.Value // returned by Secret and by Reread
	rereads        atomic.Int32
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{t: t, database: pgtest.New(t, tables), role: "role_" + strings.ToLower(rand.Text())}
	r.cached.Store("first")
	r.stored.Store("first")
	exec(t, r.database.Pool, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'first'", r.role))
	t.Cleanup(func() { _, _ = r.database.Pool.Exec(context.Background(), "DROP ROLE "+r.role) })
	return r
}

// Secret implements sidecar.Secrets.
func (r *rotation) Secret(context.Context, string) (string, error) {
	return r.cached.Load().(string), nil
}

// Reread implements sidecar.Secrets.
func (r *rotation) Reread(context.Context, string) (string, error) {
	r.rereads.Add(1)
	r.cached.Store(r.stored.Load())
	return r.cached.Load().(string), nil
}

func (r *rotation) alterRole(password string) {
	r.t.Helper()
	exec(r.t, r.database.Pool, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", r.role, password))
}

func (r *rotation) open() *pgxpool.Pool {
	r.t.Helper()
	cfg := r.database.Config
	cfg.User = r.role
	pool, err := pg.Open(cfg, r)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(pool.Close)
	return pool
}

// TestPasswordsAreRotatedUnderLoad changes role and secret in both orders under
// load, and reopens every connection after each step. No statement fails.
func TestPasswordsAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	pool := r.open()
	var (
		statements [4]atomic.Int64  // by worker
		done       [4]chan struct{} // receives a value per statement while it is read; closed when the worker ends
		stop       = make(chan struct{})
		group      sync.WaitGroup
	)
	for n := range statements {
		done[n] = make(chan struct{})
		group.Go(func() {
			defer close(done[n])
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := pool.Exec(context.Background(), "SELECT 1"); err != nil {
					t.Errorf("worker %d after %d statements: %v", n, statements[n].Load(), err)
					return
				}
				statements[n].Add(1)
				select {
				case done[n] <- struct{}{}:
				default:
				}
			}
		})
	}
	work := func() {
		pool.Reset()
		for n := range statements {
			for range 50 {
				<-done[n]
			}
		}
	}
	work()
	r.stored.Store("second") // the secret first, not in the cache yet
	work()
	r.alterRole("second")
	work()
	if r.rereads.Load() == 0 {
		t.Error("the rejected password did not cause a Reread")
	}

	r.stored.Store("third") // the secret first, in the cache
	r.cached.Store("third")
	work()
	r.alterRole("third")
	work()

	r.alterRole("fourth") // the role first
	pool.Reset()
	later := time.AfterFunc(500*time.Millisecond, func() { r.stored.Store("fourth") })
	defer later.Stop()
	work()
	close(stop)
	group.Wait()
	total := int64(0)
	for n := range statements {
		total += statements[n].Load()
	}
	t.Logf("%d statements", total)
}

func TestRejectedPasswordTimesOut(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	pool := r.open()
	r.alterRole("another")
	start := time.Now()
	_, err := pool.Exec(t.Context(), "SELECT 1")
	if !pgerr.Unavailable(err) || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	for _, secret := range []string{"first", "another"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error contains a password: %v", err)
		}
	}
	r.stored.Store("another")
	query[int](t, pool, "SELECT 1")
}
