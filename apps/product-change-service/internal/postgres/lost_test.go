package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// losing is a connection that sends a COMMIT and drops the response.
type losing struct {
	net.Conn
	lose, lost *atomic.Bool
}

// Write implements net.Conn.
func (l losing) Write(p []byte) (int, error) {
	if l.lose.Load() && bytes.Contains(p, []byte("commit")) {
		l.lost.Store(true)
	}
	return l.Conn.Write(p)
}

// Read implements net.Conn. It waits for the response, so that the server has committed, and
// drops it.
func (l losing) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.lost.Load() {
		_ = l.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// TestCommitWithoutResponseIsNotRepeated retries after such an error: with the key the client
// gets the accepted change, without a key it is refused another.
func TestCommitWithoutResponseIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := newStore(t, 100)
	cfg := s.pool.Config()
	var lose, lost atomic.Bool
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return losing{conn, &lose, &lost}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	expect.NoError(t, err)
	t.Cleanup(pool.Close)
	changes := replica(t, pool, s.keys, 100).changes
	expect.NoError(t, pool.Ping(t.Context()))

	c, key := asked(t, number(1)), change.Key{Text: "key", Body: []byte("body")}
	lose.Store(true)
	if err := changes.Accept(t.Context(), c, key, product.Version{}); !errors.Is(err, change.ErrDatabase) || !lost.Load() {
		t.Fatalf("accepted with %v, an answer lost: %t", err, lost.Load())
	}
	lose.Store(false)
	lost.Store(false)

	if id, _, err := changes.FindKey(t.Context(), c.UserID, key.Text); err != nil || id != c.RequestID {
		t.Errorf("the key stands for %q, %v", id, err)
	}
	if err := changes.Accept(t.Context(), asked(t, number(1)), key, product.Version{}); !errors.Is(err, change.ErrKeyTaken) {
		t.Errorf("retry with the key: %v", err)
	}
	if err := changes.Accept(t.Context(), asked(t, number(1)), change.Key{}, product.Version{}); !errors.Is(err, change.ErrInProgress) {
		t.Errorf("retry without a key: %v", err)
	}
}
