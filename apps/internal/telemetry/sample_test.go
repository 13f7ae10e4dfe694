package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// sampled is a logger of at most two records of a kind in 10 s.
type sampled struct {
	*slog.Logger

	out   bytes.Buffer
	level slog.LevelVar
}

func newSampled() *sampled {
	var s sampled
	s.Logger = telemetry.NewLogger(&s.out, "test", &s.level, 2)
	return &s
}

func (s *sampled) request(method, route string, status int, fault error) {
	var record telemetry.Record
	ctx := telemetry.WithRecord(context.Background(), &record)
	if fault != nil {
		telemetry.RecordError(ctx, fault)
	}
	record.Emit(ctx, s.Logger, slog.String("method", method), slog.String("route", route), slog.Int("status", status))
}

// want checks how many records contain a text.
func (s *sampled) want(t *testing.T, text string, want int) {
	t.Helper()
	if n := strings.Count(s.out.String(), text); n != want {
		t.Errorf("%q: %d times, want %d:\n%s", text, n, want, s.out.String())
	}
}

func TestRepeatedRecordsAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newSampled()
		for range 5 {
			log.Warn("cache degraded")
			log.With("kind", "bill").Error("cache degraded")
			log.WithGroup("g").Info("another")
		}
		log.want(t, "cache degraded", 2)
		log.want(t, "another", 2)
		bubble.Advance(10 * time.Second)
		log.Warn("cache degraded")
		log.want(t, `"msg":"cache degraded","service":"test","not_repeated":8`, 1)
		bubble.Advance(10 * time.Second)
		log.Warn("cache degraded")
		log.want(t, "not_repeated", 1)
	})
}

func TestRequestsOfEachRouteAndStatusAreCountedSeparately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newSampled()
		for range 5 {
			log.request("GET", "/a", 200, nil)
			log.request("PUT", "/a", 200, nil)
			log.request("GET", "/a", 404, nil)
			log.request("GET", "/b", 200, nil)
		}
		log.want(t, "request", 8)
	})
}

// TestFaultsAreNeverDropped because a client may quote the trace id of each.
func TestFaultsAreNeverDropped(t *testing.T) {
	t.Parallel()
	log := newSampled()
	for range 5 {
		log.request("GET", "/a", 500, errors.New("fault"))
	}
	log.want(t, "fault", 5)
}

func TestDebugLogsEverything(t *testing.T) {
	t.Parallel()
	log := newSampled()
	log.level.Set(slog.LevelDebug)
	for range 5 {
		log.Info("again")
		log.Debug("detail")
	}
	log.want(t, "again", 5)
	log.want(t, "detail", 5)
	log.level.Set(slog.LevelInfo)
	for range 5 {
		log.Info("later")
		log.Debug("hidden")
	}
	log.want(t, "later", 2)
	log.want(t, "hidden", 0)
}
