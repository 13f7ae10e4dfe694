package sidecar

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
)

const secretAge = time.Minute

// store is a fake secret store with a latency.
type store struct {
	value string
	err   error
	reads int
}

func (s *store) read(ctx context.Context, _ string) (string, error) {
	s.reads++
	bubble.Advance(10 * time.Millisecond)
	return s.value, errors.Join(s.err, ctx.Err())
}

// settle waits for background refreshes.
func settle() {
	bubble.Advance(time.Second)
	synctest.Wait()
}

func TestSecretIsRefreshedThoughRequestsAreCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "old"}
		client := &Client{secrets: newSecrets(secretAge, s.read)}
		get := func() string {
			ctx, cancel := context.WithCancel(t.Context()) // as of a request that ends before the refresh
			value, err := client.Secret(ctx, "key")
			if err != nil {
				t.Errorf("secret: %v", err)
			}
			cancel()
			settle()
			return value
		}
		get()
		s.value = "new"
		bubble.Advance(secretAge)
		if got := get(); got != "old" {
			t.Errorf("got %q, want the old value", got)
		}
		if got := get(); got != "new" || s.reads != 2 {
			t.Errorf("got %q after %d reads", got, s.reads)
		}
	})
}

func TestCachedSecretSurvivesOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "known"}
		client := &Client{secrets: newSecrets(secretAge, s.read)}
		if _, err := client.Secret(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("unavailable")
		for range 5 {
			bubble.Advance(secretAge)
			if got, err := client.Secret(t.Context(), "key"); got != "known" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			settle()
		}
		if _, err := client.Secret(t.Context(), "other"); !errors.Is(err, s.err) {
			t.Errorf("secret that is not cached: %v", err)
		}
	})
}

func TestRereadIsRateLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "old"}
		client := &Client{secrets: newSecrets(secretAge, s.read)}
		want := func(value string, reads int) {
			t.Helper()
			got, err := client.Reread(t.Context(), "key")
			if got != value || err != nil || s.reads != reads {
				t.Errorf("got %q, %v after %d reads; want %q after %d", got, err, s.reads, value, reads)
			}
		}
		want("old", 1)
		s.value = "new"
		want("old", 1) // within the pause
		bubble.Advance(rereadPause)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { want("new", 2) })
		}
		group.Wait()
		s.err = errors.New("unavailable")
		bubble.Advance(rereadPause)
		want("new", 3)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		bubble.Advance(rereadPause)
		if _, err := client.Reread(ctx, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		settle()
	})
}
