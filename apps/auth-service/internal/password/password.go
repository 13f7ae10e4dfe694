// Package password hashes and verifies passwords with argon2id.
//
// A hash is a PHC string that contains its parameters, so that they can be raised while older
// hashes stay valid. Because hashing is expensive by design, the package bounds the number of
// concurrent hashes, the queue and the waiting time: a flood of logins cannot exhaust memory or
// CPU.
package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/unicode/norm"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrBusy is returned if the queue is full or the wait would be too long. It carries the time after
// which to retry: the caller's turn, see queue.
var ErrBusy = problem.New(problem.TooManyRequests, "RATE_LIMITED", "로그인 요청이 많습니다. 잠시 후 다시 시도해 주세요.")

// Config sets the cost of a hash and the capacity.
type Config struct {
	MemoryKiB   uint32 `env:"PASSWORD_MEMORY_KIB" envDefault:"19456"`
	Iterations  uint32 `env:"PASSWORD_ITERATIONS" envDefault:"2"`
	Parallelism uint8  `env:"PASSWORD_PARALLELISM" envDefault:"1"`
	// Concurrency is how many hashes run at once; 0 means half of the CPUs, so that the other half
	// serves other requests.
	Concurrency int `env:"PASSWORD_CONCURRENCY" envDefault:"0"`
	// Queue is how many callers may wait; of more, the last one is refused.
	Queue int `env:"PASSWORD_QUEUE" envDefault:"256"`
	// MaxWait is how long a caller may wait. If the estimated wait of the last one is longer, it is
	// refused at once.
	MaxWait time.Duration `env:"PASSWORD_MAX_WAIT" envDefault:"4s"`
}

// Validate returns an error for unusable parameters and for those below the minimum of argon2.
func (c *Config) Validate() error {
	var faults []error
	if c.Iterations == 0 || c.Parallelism == 0 || c.MemoryKiB < 8*uint32(c.Parallelism) {
		faults = append(faults, errors.New("PASSWORD_ITERATIONS and PASSWORD_PARALLELISM must be positive and PASSWORD_MEMORY_KIB at least eight times the latter"))
	}
	if c.Concurrency < 0 {
		faults = append(faults, errors.New("PASSWORD_CONCURRENCY must not be negative"))
	}
	if c.Queue < 1 {
		faults = append(faults, errors.New("PASSWORD_QUEUE must be positive"))
	}
	if c.MaxWait <= 0 {
		faults = append(faults, errors.New("PASSWORD_MAX_WAIT must be positive"))
	}
	return errors.Join(faults...)
}

// Hasher hashes and verifies passwords. It is safe for concurrent use.
type Hasher struct {
	params    argon2id.Params
	queue     *queue
	dummyHash string
	metrics   metrics
	// releaseTimer fires when nothing has been hashed for idleBeforeRelease.
	releaseTimer *time.Timer
}

// idleBeforeRelease is how long after the last hash its memory is returned to the system. One hash
// takes as much memory as the idleBeforeRelease of the service, and the Go runtime would keep it for minutes.
const idleBeforeRelease = time.Second

// New returns a Hasher that registers its metrics with reg.
func New(cfg Config, reg prometheus.Registerer) *Hasher {
	concurrency := cfg.Concurrency
	if concurrency == 0 {
		concurrency = max(1, runtime.GOMAXPROCS(0)/2)
	}
	h := &Hasher{
		params: argon2id.Params{
			Memory: cfg.MemoryKiB, Iterations: cfg.Iterations, Parallelism: cfg.Parallelism,
			SaltLength: 16, KeyLength: 32,
		},
		queue: newQueue(concurrency, cfg.Queue, cfg.MaxWait),
	}
	h.metrics = newMetrics(reg, h.queue)
	h.dummyHash = h.newDummyHash()
	h.releaseTimer = time.AfterFunc(idleBeforeRelease, debug.FreeOSMemory)
	return h
}

// newDummyHash returns a hash that matches no password but takes the same work to verify. It also
// initializes the estimate of that work, by the fastest of a few: a process that starts is slow.
func (h *Hasher) newDummyHash() (hash string) {
	fastest := time.Duration(math.MaxInt64)
	for range 3 {
		start := time.Now()
		var err error
		if hash, err = argon2id.CreateHash(rand.Text(), &h.params); err != nil {
			panic(err) // fails only if crypto/rand does, which crashes the process itself
		}
		fastest = min(fastest, time.Since(start))
	}
	h.queue.observeLocked(fastest) // New has not returned yet
	return hash
}

// Admit returns ErrBusy if there is no capacity for the client now. Callers use it to fail before
// other work.
func (h *Hasher) Admit(client string) error { return h.refused(h.queue.admits(client)) }

// Hash returns the PHC string of a password, in NFC. It returns ErrBusy if there is no capacity, or
// if the wait is cut short by ctx or MaxWait. A client that is refused keeps its place until it
// returns in time; "" gets no place.
func (h *Hasher) Hash(ctx context.Context, client, password string) (string, error) {
	var hash string
	err := h.inTurn(ctx, client, func() (err error) {
		defer prometheus.NewTimer(h.metrics.seconds).ObserveDuration()
		hash, err = argon2id.CreateHash(norm.NFC.String(password), &h.params)
		return fault(err)
	})
	return hash, err
}

// Verify reports whether password matches hash, and if so whether the hash is outdated: weaker than
// new ones, or of text that is not in NFC. An empty hash stands for an unknown user: Verify returns
// false after the same work, so that the response time does not reveal whether an account exists.
// It returns ErrBusy like Hash. After the wait and before the comparison it calls begin, if not
// nil, and returns its error without comparing.
func (h *Hasher) Verify(ctx context.Context, client, password, hash string, begin func(context.Context) error) (right, outdated bool, err error) {
	if hash == "" {
		hash = h.dummyHash
	}
	err = h.inTurn(ctx, client, func() (err error) {
		if begin != nil {
			if err := begin(ctx); err != nil {
				return err
			}
		}
		right, outdated, err = h.compare(password, hash)
		return fault(err)
	})
	return right, outdated, err
}

// compare compares a hash with the password in NFC. Older hashes may be of the text as it was
// typed: if that is not in NFC, it is hashed as well, whatever the hash and whether or not the user
// exists. The number of hashes computed for a wrong password therefore depends on the password
// alone.
func (h *Hasher) compare(typed, hash string) (right, outdated bool, err error) {
	password := norm.NFC.String(typed)
	right, params, err := h.check(password, hash)
	if err == nil && !right && typed != password {
		right, _, err = h.check(typed, hash)
		return right, right, err
	}
	return right, right && h.cheaper(params), err
}

// check computes one hash.
func (h *Hasher) check(password, hash string) (bool, *argon2id.Params, error) {
	timer := prometheus.NewTimer(h.metrics.seconds)
	right, params, err := argon2id.CheckHash(password, hash)
	if err == nil {
		timer.ObserveDuration()
	}
	return right, params, err
}

// cheaper reports whether a hash with these parameters is cheaper to guess than a new one.
func (h *Hasher) cheaper(params *argon2id.Params) bool {
	return params.Memory < h.params.Memory || params.Iterations < h.params.Iterations ||
		params.Parallelism < h.params.Parallelism || params.KeyLength < h.params.KeyLength
}

// fault maps an error of the argon2id library to one of this package.
func fault(err error) error {
	if err != nil {
		return fmt.Errorf("argon2id: %w", err)
	}
	return nil
}

// inTurn runs work in one of the slots.
func (h *Hasher) inTurn(ctx context.Context, client string, work func() error) error {
	if err := h.queue.enter(ctx, client); err != nil {
		return h.refused(err)
	}
	defer h.releaseTimer.Reset(idleBeforeRelease)
	var took time.Duration
	defer func() { h.queue.leave(took) }()
	start := h.queue.now()
	err := work()
	if err == nil {
		took = h.queue.now().Sub(start)
	}
	return err
}

// refused counts a refusal and returns it.
func (h *Hasher) refused(err error) error {
	if err == nil {
		return nil
	}
	h.metrics.refused.Inc()
	if after := problem.From(err).RetryAfter; after > 0 {
		h.metrics.retryAfter.Observe(after.Seconds())
	}
	return err
}
