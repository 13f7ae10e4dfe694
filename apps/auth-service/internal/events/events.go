// Package events tells other services that somebody has logged in, so that they
// may get ready for what usually comes next. Nothing depends on it: an event
// that cannot be told is dropped, and no login waits for one.
package events

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// UserLoggedIn is the type of the event, and its topic.
const UserLoggedIn = "user.logged-in.v1"

// LoggedIn is what the event tells. The lines are personal: whoever gets the
// event must not log them.
type LoggedIn struct {
	EventID    string   `json:"eventId"`
	CustomerID string   `json:"customerId"` // whose lines they are
	Lines      []string `json:"lines"`
}

// Publisher publishes events. See sidecar.Client.
type Publisher interface {
	Publish(ctx context.Context, component string, e sidecar.Event) error
}

const (
	// room is how many events may wait to be published; more are dropped.
	room = 256
	// atATime is how many are published at a time.
	atATime = 4
)

// Announcer publishes logins, in the background.
type Announcer struct {
	publisher Publisher
	component string
	log       *slog.Logger
	waiting   chan LoggedIn
	published *prometheus.CounterVec
}

// NewAnnouncer returns an announcer that publishes over a pub/sub component
// while Run runs.
func NewAnnouncer(publisher Publisher, component string, log *slog.Logger, registerer prometheus.Registerer) *Announcer {
	a := &Announcer{
		publisher: publisher, component: component, log: log, waiting: make(chan LoggedIn, room),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_events_published_total",
			Help: "Events to be published, by type and outcome: published, failed or dropped (too many waited).",
		}, []string{"type", "outcome"}),
	}
	registerer.MustRegister(a.published)
	return a
}

// LoggedIn has it published that a user has logged in. It returns at once.
func (a *Announcer) LoggedIn(user identity.User) {
	if user.Line == "" {
		return // nobody can get ready for anything
	}
	select {
	case a.waiting <- LoggedIn{EventID: rand.Text(), CustomerID: user.CustomerID, Lines: []string{user.Line.Digits()}}:
	default:
		a.count("dropped")
	}
}

func (a *Announcer) count(outcome string) {
	a.published.WithLabelValues(UserLoggedIn, outcome).Inc()
}

// Run publishes what has happened until ctx ends. What waits then is dropped.
func (a *Announcer) Run(ctx context.Context) {
	var publishers sync.WaitGroup
	defer publishers.Wait()
	for range atATime {
		publishers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case e := <-a.waiting:
					a.publish(ctx, e)
				}
			}
		})
	}
}

func (a *Announcer) publish(ctx context.Context, e LoggedIn) {
	err := a.publisher.Publish(ctx, a.component, sidecar.Event{ID: e.EventID, Type: UserLoggedIn, Data: e})
	if err != nil {
		a.log.WarnContext(ctx, "login not published", "error", err)
		a.count("failed")
		return
	}
	a.count("published")
}

// Sessions are identity.Sessions whose logins are published.
type Sessions struct {
	*identity.Sessions

	announcer *Announcer
}

// NewSessions returns sessions whose logins announcer publishes.
func NewSessions(sessions *identity.Sessions, announcer *Announcer) *Sessions {
	return &Sessions{Sessions: sessions, announcer: announcer}
}

// Login is that of identity.Sessions.
func (s *Sessions) Login(ctx context.Context, in identity.LoginRequest) (identity.Grant, error) {
	grant, err := s.Sessions.Login(ctx, in)
	if err == nil {
		s.announcer.LoggedIn(grant.User)
	}
	return grant, err
}
