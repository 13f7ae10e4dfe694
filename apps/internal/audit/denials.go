package audit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
)

// Sink accepts events without blocking.
type Sink interface {
	// Offer reports whether the event was accepted; false if the buffer is full.
	Offer(ctx context.Context, e Event) bool
}

var _ Sink = (*Writer)(nil)

// Denials records denied accesses: every 403, every use of an ended session, and
// the errors whose codes the service names. It never blocks a response. Above
// actorRate an actor's denials are only counted, so that one actor fills neither
// the table nor the buffer.
type Denials struct {
	sink    Sink
	now     func() time.Time
	codes   []string
	counted *prometheus.CounterVec
	actors  *otter.Cache[string, *rate.Limiter]
}

// The rate limit of recorded denials for each actor in one process.
const (
	actorRate  = 1 // per second
	actorBurst = 60
	maxActors  = 10_000 // whose limiters are kept
)

// NewDenials returns a Denials that records into sink. Codes are the error codes
// that count as denials although their status is not 403, such as the 404 for
// another customer's data.
func NewDenials(sink Sink, now func() time.Time, registerer prometheus.Registerer, codes ...string) *Denials {
	counted := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phonebill_audit_denials_total",
		Help: "Denied accesses: recorded, limited (too many by one actor) or dropped (buffer full).",
	}, []string{"outcome"})
	registerer.MustRegister(counted)
	return &Denials{
		sink: sink, now: now, codes: codes, counted: counted,
		actors: otter.Must(&otter.Options[string, *rate.Limiter]{
			MaximumSize:      maxActors,
			ExpiryCalculator: otter.ExpiryAccessing[string, *rate.Limiter](2 * actorBurst / actorRate * time.Second),
		}),
	}
}

// subject is the observer of a request. It has the target if the path does not contain
// it.
type subject struct {
	denials *Denials
	text    string
	line    msisdn.Number
}

// Failed implements httpjson.Observer.
func (s *subject) Failed(r *http.Request, p *problem.Error) { s.denials.observe(r, p) }

// subjectOf returns the subject of ctx's request, or nil.
func subjectOf(ctx context.Context) *subject {
	s, _ := httpjson.ObserverOf(ctx).(*subject)
	return s
}

// SetTarget sets the target that is recorded if the request is denied: an id or a
// masked line number. Only the goroutine that serves the request may call it.
func SetTarget(ctx context.Context, text string) {
	if s := subjectOf(ctx); s != nil {
		s.text = text
	}
}

// SetTargetLine is About for a line, whose number it masks only if it is recorded.
func SetTargetLine(ctx context.Context, line msisdn.Number) {
	if s := subjectOf(ctx); s != nil {
		s.line = line
	}
}

// Wrap wraps routes so that their denials are recorded.
func (d *Denials) Wrap(routes httpserver.Registrar) httpserver.Registrar {
	return recorded{routes: routes, denials: d}
}

type recorded struct {
	routes  httpserver.Registrar
	denials *Denials
}

// Register implements httpserver.Registrar.
func (a recorded) Register(r *mux.Router) {
	r.Use(a.denials.middleware)
	a.routes.Register(r)
}

// middleware calls observe for every error that next answers.
func (d *Denials) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(httpjson.WithObserver(r.Context(), &subject{denials: d})))
	})
}

// observe records a failure if it is a denial.
func (d *Denials) observe(r *http.Request, p *problem.Error) {
	ctx := r.Context()
	caller := jwtauth.From(ctx)
	event := Event{
		At: d.now(), Actor: caller.UserID, SessionID: caller.SessionID,
		Action: r.Method + " " + route(r), Target: target(r), Detail: p.Code, Outcome: Denied,
		Address: Address(ctx),
	}
	ended, ok := errors.AsType[*jwtauth.EndedSession](p)
	switch {
	case ok:
		event.Actor, event.SessionID, event.Detail = ended.UserID, ended.SessionID, "SESSION_ENDED"
	case p.Kind == problem.Forbidden, slices.Contains(d.codes, p.Code):
	default:
		return
	}
	d.record(ctx, event)
}

func (d *Denials) record(ctx context.Context, event Event) {
	outcome := "recorded"
	switch {
	case !d.limiter(event.Actor).AllowN(event.At, 1):
		outcome = "limited"
	case !d.sink.Offer(ctx, event.complete(ctx)):
		outcome = "dropped"
	}
	d.counted.WithLabelValues(outcome).Inc()
}

func (d *Denials) limiter(actor string) *rate.Limiter {
	if limiter, ok := d.actors.GetIfPresent(actor); ok {
		return limiter
	}
	limiter, _ := d.actors.SetIfAbsent(actor, rate.NewLimiter(actorRate, actorBurst))
	return limiter
}

// Address returns the client address of ctx's request, or "" if it has none.
func Address(ctx context.Context) string {
	if addr := httpserver.ClientAddr(ctx); addr.IsValid() {
		return addr.String()
	}
	return ""
}

// route returns the path template of a request.
func route(r *http.Request) string {
	if current := mux.CurrentRoute(r); current != nil {
		if template, err := current.GetPathTemplate(); err == nil {
			return template
		}
	}
	return "unmatched"
}

// subjects are the path variables and query parameters that identify a target.
var subjects = []string{"userId", "requestId", "sessionId", "lineNumber"}

// target returns the text set by SetTarget or SetTargetLine, or else the first of subjects that is set.
func target(r *http.Request) string {
	s := subjectOf(r.Context())
	switch {
	case s != nil && s.text != "":
		return s.text
	case s != nil && s.line != "":
		return s.line.Masked()
	}
	for _, name := range subjects {
		text := mux.Vars(r)[name]
		if text == "" {
			text = query.New(r).Lookup(name)
		}
		if line, err := msisdn.Parse(text); err == nil {
			return line.Masked()
		}
		if text != "" {
			return text
		}
	}
	return ""
}
