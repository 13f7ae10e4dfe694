// Package password hashes passwords with argon2id and checks them.
//
// A hash is a PHC string that carries its own parameters, so that they can be
// raised while older hashes stay valid. Hashing is meant to be expensive; the
// package therefore bounds how many run at once, how many wait and how long a
// caller waits for its turn: a flood of logins takes neither the memory nor the
// CPUs from everybody else.
package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/unicode/norm"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// ErrBusy is returned to a caller for whom there is no room, or whose turn did
// not come in time. It says when to come back: each caller at a time of its own,
// when there will be room.
var ErrBusy = problem.New(problem.TooManyRequests, "RATE_LIMITED", "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.")

// Config sets the cost of a hash and how many are computed at once.
type Config struct {
	MemoryKiB   uint32 `env:"PASSWORD_MEMORY_KIB" envDefault:"19456"`
	Iterations  uint32 `env:"PASSWORD_ITERATIONS" envDefault:"2"`
	Parallelism uint8  `env:"PASSWORD_PARALLELISM" envDefault:"1"`
	// Concurrency is how many hashes run at once; 0 means half of the CPUs, so
	// that the other half answers whatever else is asked.
	Concurrency int `env:"PASSWORD_CONCURRENCY" envDefault:"0"`
	// Queue is how many callers wait for a turn at most; more are refused at once.
	Queue int `env:"PASSWORD_QUEUE" envDefault:"256"`
	// MaxWait is how long a caller waits for its turn. One whose turn is not
	// expected until then is refused at once.
	MaxWait time.Duration `env:"PASSWORD_MAX_WAIT" envDefault:"4s"`
}

// Validate refuses parameters with which nothing works, or that are weaker
// than argon2 allows.
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

// Hasher hashes and checks passwords. It is safe for concurrent use.
type Hasher struct {
	params  argon2id.Params
	places  chan struct{} // for those who wait or work
	slots   chan struct{} // for those who work
	maxWait time.Duration
	// schedule says how long callers wait, and when to come back.
	schedule *schedule
	decoy    string
	metrics  metrics
	// atRest fires when nothing has been hashed for a while.
	atRest *time.Timer
}

// rest is how long after a hash its memory is given back to the system, unless
// there was another. One hash takes as much as all else in the service; left
// alone, the runtime would keep it for minutes.
const rest = time.Second

// New returns a Hasher that reports the duration of its work to reg.
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
		places:  make(chan struct{}, concurrency+cfg.Queue),
		slots:   make(chan struct{}, concurrency),
		maxWait: cfg.MaxWait, schedule: newSchedule(concurrency),
	}
	h.metrics = newMetrics(reg, func() int { return len(h.places) - len(h.slots) })
	h.decoy = h.newDecoy()
	h.atRest = time.AfterFunc(rest, debug.FreeOSMemory)
	return h
}

// newDecoy returns a hash that is no password's, but as much work to check. It
// takes note of how long such a hash takes.
func (h *Hasher) newDecoy() string {
	start := h.schedule.now()
	hash, err := argon2id.CreateHash(rand.Text(), &h.params)
	if err != nil {
		panic(err) // crypto/rand, which crashes itself rather than fail
	}
	h.schedule.observe(h.schedule.now().Sub(start))
	return hash
}

// Admit returns ErrBusy if there is no room at this moment, so that a caller may
// spare itself what it would do before it hashes.
func (h *Hasher) Admit() error {
	if wanted := len(h.places); wanted == cap(h.places) || h.schedule.wait(wanted) > h.maxWait {
		return h.refuse(nil)
	}
	return nil
}

// Hash returns the PHC string of a password, in NFC. It returns ErrBusy if there
// is no room, or its turn does not come before ctx ends or the configured wait is
// over.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var hash string
	err := h.inTurn(ctx, func() (err error) {
		defer prometheus.NewTimer(h.metrics.seconds).ObserveDuration()
		hash, err = argon2id.CreateHash(norm.NFC.String(password), &h.params)
		return fault(err)
	})
	return hash, err
}

// Verify reports whether hash is that of the password, and if so whether it is
// outdated: cheaper to guess than new ones are, or of text that is not in NFC. An
// empty hash is nobody's: the answer is false after the same work, so that its
// time does not tell whether an account exists. It returns ErrBusy like Hash. Once
// its turn has come it calls begin, if there is one, whose error it returns
// instead of looking at the password.
func (h *Hasher) Verify(ctx context.Context, password, hash string, begin func(context.Context) error) (right, outdated bool, err error) {
	if hash == "" {
		hash = h.decoy
	}
	err = h.inTurn(ctx, func() (err error) {
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

// compare compares a hash with that of the password in NFC. Hashes made before
// passwords were normalized may be of the text as it was typed: if that is not in
// NFC, it is hashed as well, whatever the hash and whether or not anybody has it.
// So the number of hashes computed for a wrong password depends on the password
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

// cheaper reports whether a hash with these parameters is cheaper to guess than
// new ones are.
func (h *Hasher) cheaper(params *argon2id.Params) bool {
	return params.Memory < h.params.Memory || params.Iterations < h.params.Iterations ||
		params.Parallelism < h.params.Parallelism || params.KeyLength < h.params.KeyLength
}

// fault tells whose error it is.
func fault(err error) error {
	if err != nil {
		return fmt.Errorf("argon2id: %w", err)
	}
	return nil
}

// inTurn runs work in one of the slots.
func (h *Hasher) inTurn(ctx context.Context, work func() error) error {
	if err := h.Admit(); err != nil {
		return err
	}
	select {
	case h.places <- struct{}{}:
	default:
		return h.refuse(nil)
	}
	defer func() { <-h.places }()
	ctx, cancel := context.WithTimeout(ctx, h.maxWait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return h.refuse(ctx.Err())
	}
	defer func() { <-h.slots }()
	defer h.atRest.Reset(rest)
	start := h.schedule.now()
	err := work()
	if err == nil {
		h.schedule.observe(h.schedule.now().Sub(start))
	}
	return err
}

// refuse tells a caller when to come back, unless it has left.
func (h *Hasher) refuse(cause error) error {
	h.metrics.refused.Inc()
	if errors.Is(cause, context.Canceled) {
		return ErrBusy.WithCause(cause)
	}
	after := h.schedule.book(len(h.places))
	h.metrics.retryAfter.Observe(after.Seconds())
	busy := ErrBusy.After(after)
	if cause == nil {
		return busy
	}
	return busy.WithCause(cause)
}
