package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/phonebill/phonebill/apps/internal/bubble"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// tokensOnly is a transport that issues tokens, and fails with err if it is set.
type tokensOnly struct {
	*kos

	err error
}

func (f tokensOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.err == nil || r.URL.Path == authPath {
		return f.kos.RoundTrip(r)
	}
	return nil, f.err
}

func TestCallsAreTimedByOutcome(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		call http.HandlerFunc
		err  error
		want string
	}{
		"answer":         {want: "answered"},
		"refusal":        {call: answer(`{"success":false,"resultCode":"2001","resultMessage":"해지된 회선","data":null}`), want: "answered"},
		"no JSON":        {call: answer(`<html>`), want: "faulty"},
		"429":            {call: status(http.StatusTooManyRequests), want: "busy"},
		"500":            {call: status(http.StatusInternalServerError), want: "unanswered"},
		"no answer":      {err: io.ErrUnexpectedEOF, want: "unanswered"},
		"breaker open":   {err: &sidecar.InvokeError{Reason: sidecar.BreakerOpen, Cause: errors.New("open")}, want: "not_called"},
		"caller is gone": {err: context.Canceled, want: "abandoned"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				registry := prometheus.NewRegistry()
				cfg := kosclient.Config{AppID: "kos", CredentialsSecret: "kos-api-credentials"}
				k := tokensOnly{&kos{t: t, call: tc.call, slow: 250 * time.Millisecond}, tc.err}
				client := kosclient.New(cfg, secretsFunc(func() (string, error) { return secret, nil }), k, slog.New(slog.DiscardHandler), registry)
				defer client.StopGoroutines()
				_, _ = ask(t.Context(), client)
				bubble.Advance(time.Minute) // background work ends

				got := calls(t, registry, "bill-inquiry", tc.want)
				if got.GetSampleCount() != 1 || tc.err == nil && got.GetSampleSum() != 0.25 {
					t.Errorf("%d calls are %s and took %g s", got.GetSampleCount(), tc.want, got.GetSampleSum())
				}
				if n := calls(t, registry, "auth", "answered").GetSampleCount(); n != 1 {
					t.Errorf("%d calls for a token", n)
				}
			})
		})
	}
}

// calls returns the timed calls of an endpoint with an outcome.
func calls(t *testing.T, registry *prometheus.Registry, endpoint, outcome string) *dto.Histogram {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() == "phonebill_kos_call_duration_seconds" && labels["endpoint"] == endpoint && labels["outcome"] == outcome {
				return metric.GetHistogram()
			}
		}
	}
	return nil
}
