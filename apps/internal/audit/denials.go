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

// Sink takes events without waiting and reports whether it has room.
type Sink interface {
	Offer(ctx context.Context, e Event) bool
}

var _ Sink = (*Writer)(nil)

// Denials puts denied accesses on record: whatever was forbidden, every use of
// a session that has ended, and refusals of the service's own by their codes.
// No answer waits for it. An actor who is denied all the time fills neither the
// table nor the buffer: beyond a rate, denials are only counted.
type Denials struct {
	sink    Sink
	now     func() time.Time
	codes   []string
	counted *prometheus.CounterVec
	actors  *otter.Cache[string, *rate.Limiter]
}

// What one actor gets on record in one process.
const (
	actorRate  = 1 // a second
	actorBurst = 60
	maxActors  = 10_000
)

// NewDenials returns a recorder of denials into sink. Codes are those of the
// refusals that are denials though nothing is called forbidden, such as the 404
// for what belongs to somebody else.
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

type subjectKey struct{}

// subject is what a request is about, if its path does not say.
type subject struct{ text string }

// About notes what a request is about, for the case that it is denied: an id, or
// a line, masked. It is for the goroutine that serves the request.
func About(ctx context.Context, text string) {
	if noted, ok := ctx.Value(subjectKey{}).(*subject); ok {
		noted.text = text
	}
}

// Around returns routes whose denials are recorded.
func (d *Denials) Around(routes httpserver.Registrar) httpserver.Registrar {
	return recorded{routes: routes, denials: d}
}

type recorded struct {
	routes  httpserver.Registrar
	denials *Denials
}

// Register implements httpserver.Registrar.
func (a recorded) Register(r *mux.Router) {
	r.Use(a.denials.watch)
	a.routes.Register(r)
}

// watch has observe told of what next refuses.
func (d *Denials) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), subjectKey{}, &subject{})
		next.ServeHTTP(w, r.WithContext(httpjson.WithObserver(ctx, d.observe)))
	})
}

// observe is an httpjson.Observer.
func (d *Denials) observe(r *http.Request, p *problem.Error) {
	ctx := r.Context()
	caller := jwtauth.From(ctx)
	event := Event{
		At: d.now(), Actor: caller.UserID, SessionID: caller.SessionID,
		Action: r.Method + " " + route(r), Target: target(r), Detail: p.Code, Outcome: Denied,
		Address: Address(ctx),
	}
	ended, use := errors.AsType[*jwtauth.EndedSession](p)
	switch {
	case use:
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

// Address returns where the request that ctx belongs to comes from, or "".
func Address(ctx context.Context) string {
	if addr := httpserver.ClientAddr(ctx); addr.IsValid() {
		return addr.String()
	}
	return ""
}

// route returns the path of a request with names instead of values.
func route(r *http.Request) string {
	if current := mux.CurrentRoute(r); current != nil {
		if template, err := current.GetPathTemplate(); err == nil {
			return template
		}
	}
	return "unmatched"
}

// subjects are the variables of paths that name what a request is about.
var subjects = []string{"userId", "requestId", "sessionId", "lineNumber"}

func target(r *http.Request) string {
	if noted, ok := r.Context().Value(subjectKey{}).(*subject); ok && noted.text != "" {
		return noted.text
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
