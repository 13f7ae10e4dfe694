package sidecar_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

const ttl = time.Minute

// TestState runs one contract against every supported store.
func TestState(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID:     "state-test",
		Resources: []string{daprtest.RedisState(t, "redis"), daprtest.SQLiteState(t, "sqlite"), daprtest.PostgresState(t, "postgresql")},
	})
	client := dapr.Client()
	for _, store := range []string{"redis", "sqlite", "postgresql"} {
		t.Run(store, func(t *testing.T) { contract(t, client.State(store)) })
	}
	t.Run("missing store", func(t *testing.T) {
		t.Parallel()
		if _, _, err := client.State("absent").Get(t.Context(), "key"); !errors.Is(err, sidecar.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
	// The reason for the tombstones of sessions.
	t.Run("redis accepts any ETag for a missing key", func(t *testing.T) {
		t.Parallel()
		if err := client.State("redis").SetIf(t.Context(), rand.Text(), []byte("1"), "7", ttl); err != nil {
			t.Errorf("rejected: %v", err)
		}
	})
}

func contract(t *testing.T, state *sidecar.State) {
	t.Helper()
	t.Parallel()
	tests := map[string]func(t *testing.T, key string){
		"missing": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, sidecar.ErrNotFound, get(t, state, key).err)
			wantErr(t, nil, state.Delete(t.Context(), key))
		},
		"set, get, set, delete": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, nil, state.Set(t.Context(), key, []byte("one"), ttl))
			wantValue(t, state, key, "one")
			wantErr(t, nil, state.Set(t.Context(), key, []byte("two"), ttl))
			wantValue(t, state, key, "two")
			wantErr(t, nil, state.Delete(t.Context(), key))
			wantErr(t, sidecar.ErrNotFound, get(t, state, key).err)
		},
		"binary value": func(t *testing.T, key string) {
			t.Helper()
			value := "\x00\xff" + `"}` + strings.Repeat("가", 100)
			wantErr(t, nil, state.Set(t.Context(), key, []byte(value), ttl))
			wantValue(t, state, key, value)
		},
		"create only": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, nil, state.SetIf(t.Context(), key, []byte("first"), "", ttl))
			wantErr(t, sidecar.ErrConflict, state.SetIf(t.Context(), key, []byte("second"), "", ttl))
			wantValue(t, state, key, "first")
		},
		"conditional update": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, nil, state.SetIf(t.Context(), key, []byte("one"), "", ttl))
			seen := get(t, state, key)
			wantErr(t, nil, state.SetIf(t.Context(), key, []byte("two"), seen.etag, ttl))
			wantErr(t, sidecar.ErrConflict, state.SetIf(t.Context(), key, []byte("three"), seen.etag, ttl))
			wantValue(t, state, key, "two")
		},
		"expiry": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, nil, state.Set(t.Context(), key, []byte("short"), time.Millisecond)) // rounded up to a second
			wantValue(t, state, key, "short")
			for tick := time.NewTicker(50 * time.Millisecond); get(t, state, key).err == nil; <-tick.C {
				if t.Context().Err() != nil {
					t.Fatal("not expired")
				}
			}
			wantErr(t, sidecar.ErrNotFound, get(t, state, key).err)
		},
		"cancelled": func(t *testing.T, key string) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, _, err := state.Get(ctx, key)
			wantErr(t, context.Canceled, err)
			if errors.Is(err, sidecar.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		},
		"errors hide the key": func(t *testing.T, key string) {
			t.Helper()
			wantErr(t, nil, state.SetIf(t.Context(), key, []byte("one"), "", ttl))
			err := state.SetIf(t.Context(), key, []byte("two"), "999", ttl)
			if err == nil || strings.Contains(err.Error(), key) {
				t.Errorf("got %v", err)
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, rand.Text())
		})
	}
}

type seen struct {
	value, etag string
	err         error
}

func get(t *testing.T, state *sidecar.State, key string) seen {
	t.Helper()
	value, etag, err := state.Get(t.Context(), key)
	return seen{string(value), etag, err}
}

func wantValue(t *testing.T, state *sidecar.State, key, want string) {
	t.Helper()
	if got := get(t, state, key); got.err != nil || got.value != want || got.etag == "" {
		t.Errorf("got %+v, want %q with an ETag", got, want)
	}
}

func wantErr(t *testing.T, want, got error) {
	t.Helper()
	if !errors.Is(got, want) || (want == nil && got != nil) {
		t.Errorf("got error %v, want %v", got, want)
	}
}
