package sidecar

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secretAge = time.Minute

// store is a secret store on a clock of its own.
type store struct {
	value string
	err   error
	reads int
}

func (s *store) read(ctx context.Context, _ string) (string, error) {
	s.reads++
	pass(10 * time.Millisecond)
	return s.value, errors.Join(s.err, ctx.Err())
}

// settle lets a reload in the background come to its end.
func settle() {
	pass(time.Second)
	synctest.Wait()
}

func TestARotatedSecretIsSeenThoughItsReadersAreInAHurry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "old"}
		client := &Client{secrets: newSecrets(secretAge, s.read)}
		get := func() string {
			ctx, leave := context.WithCancel(t.Context()) // as of a request that is answered before the reload is done
			value, err := client.Secret(ctx, "key")
			if err != nil {
				t.Errorf("secret: %v", err)
			}
			leave()
			settle()
			return value
		}
		get()
		s.value = "new"
		pass(secretAge)
		if got := get(); got != "old" {
			t.Errorf("got %q, want the old one at once", got)
		}
		if got := get(); got != "new" || s.reads != 2 {
			t.Errorf("got %q after %d reads", got, s.reads)
		}
	})
}

func TestAKnownSecretOutlivesItsStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{value: "known"}
		client := &Client{secrets: newSecrets(secretAge, s.read)}
		if _, err := client.Secret(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("away")
		for range 5 {
			pass(secretAge)
			if got, err := client.Secret(t.Context(), "key"); got != "known" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			settle()
		}
		if _, err := client.Secret(t.Context(), "other"); !errors.Is(err, s.err) {
			t.Errorf("a secret never read: %v", err)
		}
	})
}

func TestASecretIsReadAgainOnDemandWithinBounds(t *testing.T) {
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
		want("old", 1) // not within the pause
		pass(rereadPause)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() { want("new", 2) })
		}
		group.Wait()
		s.err = errors.New("away")
		pass(rereadPause)
		want("new", 3)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		pass(rereadPause)
		if _, err := client.Reread(ctx, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("somebody who left got %v", err)
		}
		settle()
	})
}

// pass lets time go by, on the clock of the test's bubble.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // nobody waits for it
