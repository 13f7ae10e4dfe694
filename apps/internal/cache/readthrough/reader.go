// Package readthrough answers reads of values that a slow, limited source has: from the
// caches, from the archive, or else by a queue of fetches.
//
// A Reader finds values and never calls the source. A worker of the queue calls the source,
// stores the answer and notes it with NoteAnswer. A ReadThrough has both: it serves a fresh
// value at once, and a stale one if the source gives no newer one within SoftTimeout.
package readthrough

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Value is a value of the source.
type Value interface {
	// AnsweredAt returns when the source gave the value. A value that must be replaced
	// whatever its age returns the zero time.
	AnsweredAt() time.Time
	// Definitive reports whether the source never has to be called for the value again.
	Definitive() bool
}

// Stores are the caches and the archive of values.
type Stores[K comparable, V Value] interface {
	// Cached returns the cached value of a key. On a miss it returns what load returns and
	// caches it. Concurrent misses of a key share one load, which goes on if the context of
	// a caller ends.
	Cached(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error)
	// Archived returns the archived value of a key, or an error that wraps ErrMiss.
	Archived(ctx context.Context, key K) (V, error)
	// Negative reports whether err is an answer of the source: that it has no such value.
	Negative(err error) bool
}

// ErrMiss is returned if neither the caches nor the archive have a value.
var ErrMiss = errors.New("readthrough: not in the caches or the archive")

const (
	// archiveTimeout bounds a read of the archive, which usually takes milliseconds.
	archiveTimeout = time.Second
	// answerTTL is how long a process holds the answers of the source. It is longer than
	// the workers take to wake those that wait for an answer.
	answerTTL = 2 * time.Second
	// staleTTL is how long a stale value is served from memory while its refresh is queued.
	staleTTL = 5 * time.Second
)

// Reader finds values in the caches and the archive. It never calls the source.
type Reader[K comparable, V Value] struct {
	stores Stores[K, V]
	// stale holds stale values that were just served: their refresh is queued, or the source
	// is not callable. Repeated reads of them touch neither the caches nor the archive.
	stale *memo[K, V]
	// answers holds the latest answers of the source to this process. A store may not have
	// them: it may be down, or have a tombstone.
	answers   *memo[K, Answer[V]]
	evictions evictions[K]
	log       *slog.Logger
}

// Answer is an answer of the source: a value, or a negative answer.
type Answer[V any] struct {
	Value V
	Err   error
}

// NewReader returns a reader of stores.
func NewReader[K comparable, V Value](stores Stores[K, V], now func() time.Time, log *slog.Logger) *Reader[K, V] {
	return &Reader[K, V]{
		stores: stores, stale: newMemo[K, V](staleTTL, now), answers: newMemo[K, Answer[V]](answerTTL, now), log: log,
	}
}

// Found is a value that a Reader has found.
type Found[V any] struct {
	Value V
	Stale bool
	// refreshing is true if a refresh of the stale value was just tried.
	refreshing bool
}

// Find returns the value of a key. A value is fresh if it is cached, definitive, was given
// to this process within answerTTL, or after since; a zero since is no such time. Find
// returns a negative answer of the source, or ErrMiss.
func (r *Reader[K, V]) Find(ctx context.Context, key K, since time.Time) (Found[V], error) {
	if since.IsZero() {
		if old, found := r.stale.get(key); found {
			return Found[V]{Value: old, Stale: true, refreshing: true}, nil
		}
	}
	got, err := r.stores.Cached(ctx, key, func(ctx context.Context) (V, error) { return r.load(ctx, key, since) })
	if err == nil || r.Negative(err) {
		return Found[V]{Value: got}, err
	}
	if recent, found := r.answers.get(key); found { // noted after the load, which other reads share
		return Found[V]{Value: recent.Value}, recent.Err
	}
	older, found := errors.AsType[*olderCopy[V]](err)
	if !found {
		return Found[V]{}, ErrMiss
	}
	return Found[V]{Value: older.value, Stale: !givenAfter(older.value, since)}, nil
}

// givenAfter reports whether the source gave a value after since, if that is not zero.
func givenAfter(value Value, since time.Time) bool {
	return !since.IsZero() && value.AnsweredAt().After(since)
}

// olderCopy is the error of a load that found an archived value which must not be cached,
// because the source may have a newer one.
type olderCopy[V any] struct{ value V }

// Error implements error.
func (*olderCopy[V]) Error() string { return "readthrough: an older copy" }

// load returns what the caches may keep: the latest answer of the source, or the archived
// value if the source never has to be called for it again or gave it since then.
// It returns an olderCopy for another archived value, ErrMiss, or a fault of the archive.
func (r *Reader[K, V]) load(ctx context.Context, key K, since time.Time) (V, error) {
	if recent, found := r.answers.get(key); found {
		return recent.Value, recent.Err
	}
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	archived, err := r.stores.Archived(ctx, key)
	if err != nil {
		if !errors.Is(err, ErrMiss) {
			r.log.WarnContext(ctx, "archive read failed", "error", err)
		}
		return archived, err
	}
	if archived.Definitive() || givenAfter(archived, since) {
		return archived, nil
	}
	return archived, &olderCopy[V]{archived}
}

// Recent returns the latest answer of the source for a key, if it is still fresh. A worker
// whose fetch was enqueued just after the one that it would have joined had ended uses it
// instead of a call.
func (r *Reader[K, V]) Recent(ctx context.Context, key K) (Answer[V], bool) {
	if recent, found := r.answers.get(key); found {
		return recent, true
	}
	got, err := r.Find(ctx, key, time.Time{})
	return Answer[V]{got.Value, err}, r.Negative(err) || err == nil && !got.Stale
}

// Mark returns the mark that NoteAnswer needs. A worker takes it before it calls the source.
func (r *Reader[K, V]) Mark() Mark { return r.evictions.mark() }

// NoteAnswer notes the latest answer of the source for a key. It ignores a value whose key
// was evicted after since: the source may have given it before the change that caused the
// eviction. It also ignores an error that is not a negative answer.
func (r *Reader[K, V]) NoteAnswer(key K, since Mark, a Answer[V]) {
	r.stale.evict(func(other K) bool { return other == key })
	switch {
	case r.Negative(a.Err):
		r.answers.set(key, a)
	case a.Err == nil:
		r.evictions.unlessEvicted(key, since, func() { r.answers.set(key, a) })
	}
}

// Negative reports whether err is a negative answer of the source.
func (r *Reader[K, V]) Negative(err error) bool { return err != nil && r.stores.Negative(err) }

// Evict removes all that the reader itself holds of the keys that match. Call it before the
// keys are evicted from the caches, which could load them from here.
func (r *Reader[K, V]) Evict(match func(K) bool) {
	r.evictions.add(match)
	r.stale.evict(match)
	r.answers.evict(match)
}
