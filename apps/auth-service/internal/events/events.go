// Package events publishes login events, so that other services can prefetch. Publishing is best
// effort: an event that cannot be published is dropped, and no login waits for one.
package events

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// UserLoggedIn is the type of the event, and its topic.
const UserLoggedIn = "user.logged-in.v1"

// LoggedIn is the payload of the event. Line numbers are personal data: consumers must not log
// them.
type LoggedIn struct {
	EventID    string   `json:"eventId"`
	CustomerID string   `json:"customerId"` // customer that the lines belong to
	Lines      []string `json:"lines"`
}

// Publisher publishes events. See sidecar.Client.
type Publisher interface {
	Publish(ctx context.Context, component string, e sidecar.Event) error
}

const (
	// queueSize is how many events may wait to be published; further ones are dropped.
	queueSize = 256
	// parallelism is the number of goroutines that publish.
	parallelism = 4
)

// Announcer publishes login events in the background.
type Announcer struct {
	publisher Publisher
	component string
	log       *slog.Logger
	waiting   chan login
	published *prometheus.CounterVec
}

// login is an event with the span of the request that logged in.
type login struct {
	LoggedIn

	span trace.SpanContext
}

// NewAnnouncer returns an announcer that publishes through a pub/sub component while Run runs.
func NewAnnouncer(publisher Publisher, component string, log *slog.Logger, registerer prometheus.Registerer) *Announcer {
	a := &Announcer{
		publisher: publisher, component: component, log: log, waiting: make(chan login, queueSize),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "phonebill_events_published_total",
			Help: "Events to be published, by type and outcome: published, failed or dropped (the queue was full).",
		}, []string{"type", "outcome"}),
	}
	registerer.MustRegister(a.published)
	return a
}

// LoggedIn enqueues the login event of a user, in the trace of ctx. It does not block.
func (a *Announcer) LoggedIn(ctx context.Context, user identity.User) {
	if user.Line == "" {
		return // no lines to prefetch
	}
	event := LoggedIn{EventID: rand.Text(), CustomerID: user.CustomerID, Lines: []string{user.Line.Digits()}}
	select {
	case a.waiting <- login{event, trace.SpanContextFromContext(ctx)}:
	default:
		a.count("dropped")
	}
}

func (a *Announcer) count(outcome string) {
	a.published.WithLabelValues(UserLoggedIn, outcome).Inc()
}

// Run publishes enqueued events until ctx ends. Events still in the queue are dropped then.
func (a *Announcer) Run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	for range parallelism {
		group.Go(func() {
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

func (a *Announcer) publish(ctx context.Context, e login) {
	ctx = trace.ContextWithSpanContext(ctx, e.span)
	err := a.publisher.Publish(ctx, a.component, sidecar.Event{ID: e.EventID, Type: UserLoggedIn, Data: e.LoggedIn})
	if err != nil {
		a.log.WarnContext(ctx, "publish login event failed", "error", err)
		a.count("failed")
		return
	}
	a.count("published")
}

// Sessions wraps identity.Sessions and publishes an event for every login.
type Sessions struct {
	*identity.Sessions

	announcer *Announcer
}

// NewSessions returns sessions that announce logins to announcer.
func NewSessions(sessions *identity.Sessions, announcer *Announcer) *Sessions {
	return &Sessions{Sessions: sessions, announcer: announcer}
}

// Login calls identity.Sessions.Login and announces a success.
func (s *Sessions) Login(ctx context.Context, in identity.LoginRequest) (identity.Grant, error) {
	grant, err := s.Sessions.Login(ctx, in)
	if err == nil {
		s.announcer.LoggedIn(ctx, grant.User)
	}
	return grant, err
}
