package kos_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/kos"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

const line = msisdn.Number("01012345678")

// poster returns a fixed answer and records the request.
type poster struct {
	answer kosclient.Answer
	err    error
	path   string
	sent   map[string]string
}

// Post implements kos.Poster.
func (p *poster) Post(_ context.Context, path string, in any) (kosclient.Answer, error) {
	p.path = path
	text, err := json.Marshal(in)
	if err != nil {
		return kosclient.Answer{}, err
	}
	return p.answer, errors.Join(json.Unmarshal(text, &p.sent), p.err)
}

// budget returns fixed results and records reports.
type budget struct {
	wait      time.Duration
	err       error // of Await
	reportErr error // of Throttled
	reported  time.Duration
}

// Await implements kos.Budget.
func (b *budget) Await(context.Context, time.Duration) (time.Duration, error) { return b.wait, b.err }

// Throttled implements kos.Budget.
func (b *budget) Throttled(_ context.Context, retryAfter time.Duration) error {
	b.reported = retryAfter
	return b.reportErr
}

func TestCustomer(t *testing.T) {
	t.Parallel()
	const data = `{"lineNumber":"01012345678","customerId":"CUST001","customerName":"홍길동","plan":{"any":["thing"]}}`
	for name, c := range map[string]struct {
		answer kosclient.Answer
		err    error

		id    string
		known bool
		want  error
	}{
		"known":               {answer: answer("0000", data), id: "CUST001", known: true},
		"unknown":             {answer: answer("1001", "")},
		"not active":          {answer: answer("1002", data), id: "CUST001", known: true},
		"not active, no data": {answer: answer("1002", ""), known: true},
		"no customer":         {answer: answer("0000", `{"lineNumber":"01012345678"}`), want: kosclient.ErrUnavailable},
		"no data":             {answer: answer("0000", ""), want: kosclient.ErrUnavailable},
		"another shape":       {answer: answer("0000", `["CUST001"]`), want: kosclient.ErrUnavailable},
		"another code":        {answer: answer("7777", data), want: kosclient.ErrUnavailable},
		"unavailable":         {err: kosclient.ErrUnavailable, want: kosclient.ErrUnavailable},
		"busy":                {err: kosclient.ErrBusy, want: kosclient.ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, known, err := kos.New(&poster{answer: c.answer, err: c.err}, &budget{}).Customer(t.Context(), line)
			if !errors.Is(err, c.want) {
				t.Fatalf("got error %v, want %v", err, c.want)
			}
			if err == nil && (id != c.id || known != c.known) {
				t.Errorf("got %q, %t, want %q, %t", id, known, c.id, c.known)
			}
		})
	}
}

func answer(code kosclient.ResultCode, data string) kosclient.Answer {
	return kosclient.Answer{Success: code == kosclient.OK, ResultCode: code, Data: jsontext.Value(data)}
}

func TestCustomerSendsDigits(t *testing.T) {
	t.Parallel()
	p := &poster{answer: answer("1001", "")}
	if _, _, err := kos.New(p, &budget{}).Customer(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	if p.path != "/api/kos/product-inquiry" || p.sent["lineNumber"] != "01012345678" || p.sent["requestId"] == "" || len(p.sent) != 2 {
		t.Errorf("sent %s %v", p.path, p.sent)
	}
}

// KOS is not called without admission; the client gets a retry time, or the error of the database.
func TestCustomerNeedsAdmission(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget budget
		want   error
		after  time.Duration
	}{
		"no admission":       {budget{wait: 4 * time.Second}, kosclient.ErrBusy, 4 * time.Second},
		"budget unavailable": {budget{err: errors.New("connection refused")}, identity.ErrDatabase, 2 * time.Second},
		"database hangs":     {budget{err: context.DeadlineExceeded}, identity.ErrDatabase, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &poster{answer: answer("1001", "")}
			_, _, err := kos.New(p, &c.budget).Customer(t.Context(), line)
			if reportErr := problem.From(err); !errors.Is(err, c.want) || reportErr.Kind != problem.Unavailable || reportErr.RetryAfter != c.after {
				t.Errorf("got %v after %s", err, reportErr.RetryAfter)
			}
			if p.path != "" {
				t.Error("KOS was called")
			}
		})
	}
	t.Run("caller cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, _, err := kos.New(&poster{}, &budget{err: ctx.Err()}).Customer(ctx, line)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// hung is a KOS that never answers.
type hung struct{}

// Post implements kos.Poster.
func (hung) Post(ctx context.Context, _ string, _ any) (kosclient.Answer, error) {
	<-ctx.Done()
	return kosclient.Answer{}, kosclient.ErrUnavailable.WithCause(ctx.Err())
}

func TestHungKOSTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, _, err := kos.New(hung{}, &budget{}).Customer(t.Context(), line)
		if took := time.Since(start); !errors.Is(err, kosclient.ErrUnavailable) || took > 8*time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

// A 429 of KOS is reported to the other replicas, and to the client in any case.
func TestRefusalIsReportedToAllReplicas(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"database available": nil, "database unavailable": errors.New("connection refused")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := &budget{reportErr: fault}
			_, _, err := kos.New(&poster{err: kosclient.ErrBusy.After(7 * time.Second)}, limit).Customer(t.Context(), line)
			if reportErr := problem.From(err); reportErr.Code != kosclient.ErrBusy.Code || reportErr.RetryAfter != 7*time.Second {
				t.Errorf("got %v after %s", err, reportErr.RetryAfter)
			}
			if limit.reported != 7*time.Second {
				t.Errorf("reported %s", limit.reported)
			}
		})
	}
}

func FuzzCustomer(f *testing.F) {
	f.Add("0000", `{"customerId":"CUST001"}`)
	f.Add("1002", `{"customerId":null}`)
	f.Fuzz(func(t *testing.T, code, data string) {
		p := &poster{answer: kosclient.Answer{ResultCode: kosclient.ResultCode(code), Data: jsontext.Value(data)}}
		id, known, err := kos.New(p, &budget{}).Customer(t.Context(), line)
		if id != "" && (!known || err != nil) {
			t.Errorf("got %q, %t, %v", id, known, err)
		}
	})
}
