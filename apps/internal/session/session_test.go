package session_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/session"
)

func TestMain(m *testing.M) {
	// The clean-up goroutine of an otter cache ends when the cache is garbage collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

const idle = 30 * time.Minute

func record() session.Record {
	return session.Record{
		UserID: "testuser01", Permissions: []string{"BILL_INQUIRY"}, Lines: []string{"01012345678"},
		RefreshID: "r1", Idle: idle, TouchedAt: time.Now().UTC(),
	}
}

// TestStore runs one contract against the supported state stores and the fake.
func TestStore(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) { contract(t, newMemory()) })
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:     "session-test",
		Resources: []string{daprtest.RedisState(t, "redis"), daprtest.SQLiteState(t, "sqlite"), daprtest.PostgresState(t, "postgresql")},
	})
	client := dapr.Client()
	t.Run("redis", func(t *testing.T) { contract(t, client.State("redis")) })
	t.Run("sqlite", func(t *testing.T) { contract(t, client.State("sqlite")) })
	t.Run("postgresql", func(t *testing.T) { contract(t, client.State("postgresql")) })
}

func contract(t *testing.T, state session.State) {
	t.Helper()
	t.Parallel()
	store := session.NewStore(state)
	tests := map[string]func(t *testing.T, id string){
		"unknown": func(t *testing.T, id string) {
			t.Helper()
			_, _, err := store.Get(t.Context(), id)
			wantErr(t, session.ErrEnded, err)
			wantErr(t, nil, store.End(t.Context(), id))
		},
		"created": func(t *testing.T, id string) {
			t.Helper()
			want := record()
			begin(t, store, id, want)
			got, _ := read(t, store, id)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			wantErr(t, session.ErrConflict, store.Create(t.Context(), id, want))
		},
		"updated": func(t *testing.T, id string) {
			t.Helper()
			begin(t, store, id, record())
			got, etag := read(t, store, id)
			got.RefreshID = "r2"
			wantErr(t, nil, store.Update(t.Context(), id, got, etag))
			wantErr(t, session.ErrConflict, store.Update(t.Context(), id, record(), etag))
			if now, _ := read(t, store, id); now.RefreshID != "r2" {
				t.Errorf("refresh id %q", now.RefreshID)
			}
		},
		"ended": func(t *testing.T, id string) {
			t.Helper()
			begin(t, store, id, record())
			seen, etag := read(t, store, id)
			for range 2 {
				wantErr(t, nil, store.End(t.Context(), id))
			}
			// An ETag read before the end does not restore the session.
			wantErr(t, session.ErrConflict, store.Update(t.Context(), id, seen, etag))
			_, _, err := store.Get(t.Context(), id)
			wantErr(t, session.ErrEnded, err)
			wantErr(t, session.ErrConflict, store.Create(t.Context(), id, seen))
		},
		"ended while in use": func(t *testing.T, id string) { t.Helper(); endWhileInUse(t, store, id) },
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, rand.Text())
		})
	}
}

// endWhileInUse ends a session that is extended concurrently.
func endWhileInUse(t *testing.T, store *session.Store, id string) {
	t.Helper()
	begin(t, store, id, record())
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for {
				used, etag, err := store.Get(t.Context(), id)
				if errors.Is(err, session.ErrEnded) {
					return
				}
				if err == nil {
					err = store.Update(t.Context(), id, used, etag)
				}
				if err != nil && !errors.Is(err, session.ErrConflict) {
					t.Errorf("use: %v", err)
					return
				}
			}
		})
	}
	for {
		err := store.End(t.Context(), id)
		if err == nil {
			break
		}
		wantErr(t, session.ErrConflict, err)
	}
	group.Wait()
	_, _, err := store.Get(t.Context(), id)
	wantErr(t, session.ErrEnded, err)
}

func TestStoreErrors(t *testing.T) {
	t.Parallel()
	state := newMemory()
	store := session.NewStore(state)
	wantErr(t, nil, state.SetIf(t.Context(), "garbage", []byte("{"), "", idle))
	if _, _, err := store.Get(t.Context(), "garbage"); err == nil || errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrUnavailable) {
		t.Errorf("malformed record: %v", err)
	}
	wantErr(t, nil, store.Health(t.Context()))
	state.set(func(m *memory) { m.down = true })
	for name, do := range map[string]func() error{
		"get":    func() error { _, _, err := store.Get(t.Context(), "id"); return err },
		"create": func() error { return store.Create(t.Context(), "id", record()) },
		"end":    func() error { return store.End(t.Context(), "id") },
		"health": func() error { return store.Health(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := do(); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestCancellationIsNotUnavailable(t *testing.T) {
	t.Parallel()
	store := session.NewStore(cancelledState{newMemory()})
	_, _, err := store.Get(t.Context(), "id")
	if wantErr(t, context.Canceled, err); errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// cancelledState returns context.Canceled from Get.
type cancelledState struct{ *memory }

func (cancelledState) Get(context.Context, string) (value []byte, etag string, err error) {
	return nil, "", context.Canceled
}

func begin(t *testing.T, store *session.Store, id string, r session.Record) {
	t.Helper()
	if err := store.Create(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, store *session.Store, id string) (session.Record, string) {
	t.Helper()
	r, etag, err := store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r, etag
}

func wantErr(t *testing.T, want, got error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil && got != nil) {
		t.Errorf("got error %v, want %v", got, want)
	}
}
