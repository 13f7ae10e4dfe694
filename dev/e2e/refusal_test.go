package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/e2e/internal/abuse"
	"github.com/phonebill/phonebill/dev/e2e/internal/refusal"
	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/runfile"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// repeats is how often a refused request is sent in a row: more than the failures in a row that
// open a breaker (10, in resiliency/apps.yaml).
const repeats = 15

// TestRefusalsOpenNoBreaker sends every routed operation with everything that is refused, and
// cancels requests before the answer. Afterwards no breaker has opened in any sidecar, and other
// customers are served.
func TestRefusalsOpenNoBreaker(t *testing.T) {
	locally(t)
	singly(t)
	world := newAbuseWorld(t)
	for _, app := range apps {
		operations, err := access.Operations(whole.docs[app])
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range operations {
			if !operation.Rule.Routed() {
				continue
			}
			t.Run(string(app)+" "+operation.Name(), func(t *testing.T) {
				before := opened(t)
				sent := repeat(t, world.refused(string(app), operation))
				if after := opened(t); !maps.Equal(before, after) {
					t.Errorf("breakers have opened: %v, before %v", after, before)
				}
				t.Logf("%d requests", sent)
			})
		}
		served(t, subscriber(t))
	}
}

// attempt is a request with its credentials.
type attempt struct {
	refusal.Request

	authorization string
	cancels       bool // before the answer
}

// refused returns the refused requests of an operation: by credentials, by owner and by form, and a
// valid one that is cancelled.
func (w *abuseWorld) refused(app string, o access.Operation) []attempt {
	var attempts []attempt
	for _, c := range abuse.Cases(abuse.Service{Name: app, Operations: []access.Operation{o}}, w.World) {
		if !c.Call.Disguised {
			attempts = append(attempts, attempt{Request: refusal.Request{Example: c.Call.Example, Fault: c.Attack}, authorization: c.Call.Credential.Authorization})
		}
	}
	good, authorization := w.good(o)
	for _, request := range refusal.Requests(o, good) {
		attempts = append(attempts, attempt{Request: request, authorization: authorization})
	}
	left := refusal.Request{Example: good(nil), Fault: "it is cancelled"}
	return append(attempts, attempt{Request: left, authorization: authorization, cancels: true})
}

// good returns a function for valid requests of an operation, and their credentials.
func (w *abuseWorld) good(o access.Operation) (example func(values map[string]string) access.Example, authorization string) {
	form := newcomerForm()
	usual := map[string]string{
		"userId": form.UserID, "customerId": form.CustomerID, "lineNumber": form.Line, "userName": form.Name, "password": form.Password,
	}
	maps.Copy(usual, w.Values)
	if o.Rule != access.Public {
		sender := w.Entitled(o)
		if o.Rule == access.Admin {
			sender = w.Admin(o)
		}
		authorization = "Bearer " + sender.Token
		for name, kind := range access.Owners() {
			usual[name] = sender.Owns[string(kind)]
		}
	}
	return func(values map[string]string) access.Example {
		all := maps.Clone(usual)
		maps.Copy(all, values)
		return o.Example(all)
	}, authorization
}

// repeat sends each attempt repeats times, one attempt after the other, so that a success does not
// reset the count of consecutive failures. It returns the number of requests.
func repeat(t *testing.T, attempts []attempt) int {
	t.Helper()
	client := &http.Client{Transport: elsewhereTransport(t), Timeout: healTimeout}
	for _, a := range attempts {
		var group errgroup.Group
		for range repeats {
			group.Go(func() error { return a.send(client) })
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	}
	return repeats * len(attempts)
}

// cancelAfter is when a cancelled request is cancelled.
const cancelAfter = 3 * time.Millisecond

// send sends the attempt and ignores the answer.
func (a attempt) send(client *http.Client) error {
	ctx := context.Background()
	if a.cancels {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, cancelAfter)
		defer leave()
	}
	request, err := http.NewRequestWithContext(ctx, a.Method, whole.url()+a.Path, strings.NewReader(string(a.Body)))
	if err != nil {
		return fmt.Errorf("%s: %w", a.Fault, err)
	}
	if a.Body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if a.authorization != "" {
		request.Header.Set("Authorization", a.authorization)
	}
	response, err := client.Do(request)
	if a.cancels && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.Fault, err)
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	if a.cancels {
		return nil
	}
	return err
}

// opened returns how often breakers have opened in each local sidecar.
func opened(t *testing.T) map[string]string {
	t.Helper()
	file, err := runfile.Load(whole.checkout.Path("dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]string)
	for _, app := range file.Apps {
		answer := api.New(fmt.Sprintf("http://127.0.0.1:%d", app.MetricsPort), connections).Send(api.Request{Method: http.MethodGet, Path: "/metrics"})
		for line := range strings.Lines(string(answer.OK(t))) {
			if strings.HasPrefix(line, "dapr_resiliency_activations_total") && strings.Contains(line, `status="open"`) {
				series, count, _ := strings.Cut(strings.TrimSpace(line), "} ")
				counts[app.ID+" "+series] = count
			}
		}
	}
	return counts
}

// served checks that a customer gets answers that need calls through sidecars.
func served(t *testing.T, c customer) {
	t.Helper()
	anonymous(t).Login(c.UserID, c.Password).OK(t)
	c.see(t, "")
	c.see(t, api.Month(1))
	current := c.Subscription(c.Line).OK(t).Current.Code
	target := c.Offers(current).OK(t).Products[0].Code
	form := api.ChangeForm{Line: c.Line, Current: current, Target: target}
	if change := c.Change(form, api.How{}).OK(t); change.ResultCode != "0000" {
		t.Errorf("the change: %+v", change)
	}
	newcomer := newcomer(t)
	newcomer.MakeMockData(newcomer.CustomerID, newcomer.Line).OK(t)
}
