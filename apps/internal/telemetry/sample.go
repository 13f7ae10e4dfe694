package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// sampleWindow is the time in which the records of a kind are counted.
	sampleWindow = 10 * time.Second
	// maxKinds bounds the kinds that are counted. Messages are constants, except those of some
	// libraries.
	maxKinds = 1000
)

// Sample returns a handler that passes to next the first burst records of a kind in 10 s, and drops
// the others. The kind of a record is its message; that of a request is its method, route and status
// too. The next record of the kind has the number of dropped ones in not_repeated. All records pass
// if burst is 0, and while next is enabled for DEBUG. A request that failed by our fault always
// passes, because its client can quote the trace id.
func Sample(next slog.Handler, burst uint) slog.Handler {
	if burst == 0 {
		return next
	}
	return sampler{next, burst, &kinds{counts: map[kind]count{}}}
}

type sampler struct {
	slog.Handler

	burst uint
	kinds *kinds
}

// Handle implements slog.Handler.
func (s sampler) Handle(ctx context.Context, record slog.Record) error {
	kind := kindOf(record)
	if s.Enabled(ctx, slog.LevelDebug) || kind.route != "" && record.Level >= slog.LevelError {
		return s.Handler.Handle(ctx, record)
	}
	pass, dropped := s.kinds.count(kind, record.Time, s.burst)
	if !pass {
		return nil
	}
	if dropped > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Uint64("not_repeated", uint64(dropped)))
	}
	return s.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (s sampler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sampler{s.Handler.WithAttrs(attrs), s.burst, s.kinds}
}

// WithGroup implements slog.Handler.
func (s sampler) WithGroup(name string) slog.Handler {
	return sampler{s.Handler.WithGroup(name), s.burst, s.kinds}
}

// kind is what repeated records have in common.
type kind struct {
	message, method, route string
	status                 int64
}

// requestMessage is the message of the record of a request.
const requestMessage = "request"

func kindOf(record slog.Record) kind {
	k := kind{message: record.Message}
	if record.Message != requestMessage {
		return k
	}
	record.Attrs(func(attr slog.Attr) bool {
		switch attr.Key {
		case "method":
			k.method = attr.Value.String()
		case "route":
			k.route = attr.Value.String()
		case "status":
			k.status = attr.Value.Int64()
			return false // the last of them
		}
		return true
	})
	return k
}

// count is the number of records of a kind since a time.
type count struct {
	since           time.Time
	passed, dropped uint
}

type kinds struct {
	mu     sync.Mutex
	counts map[kind]count
}

// count reports whether a record passes, and how many were dropped in the window before.
func (k *kinds) count(of kind, at time.Time, burst uint) (pass bool, dropped uint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, known := k.counts[of]
	switch {
	case !known:
		if len(k.counts) >= maxKinds {
			clear(k.counts)
		}
		now = count{since: at}
	case at.Sub(now.since) >= sampleWindow:
		dropped, now = now.dropped, count{since: at}
	}
	pass = now.passed < burst
	if pass {
		now.passed++
	} else {
		now.dropped++
	}
	k.counts[of] = now
	return pass, dropped
}
