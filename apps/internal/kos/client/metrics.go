package client

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func newDuration(registerer prometheus.Registerer) *prometheus.HistogramVec {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "phonebill_kos_call_duration_seconds",
		Help:    "Time of a call of KOS with the retries of the sidecar, by endpoint and outcome: answered, faulty, busy, unauthorized, not_called (the breaker is open), abandoned or unanswered.",
		Buckets: []float64{.05, .1, .25, .5, .75, 1, 1.5, 2, 3, 5, 8},
	}, []string{"endpoint", "outcome"})
	registerer.MustRegister(duration)
	return duration
}

// observe measures and logs a call of the endpoint at urlPath, which has no parameters.
func (c *Client) observe(ctx context.Context, urlPath string, took time.Duration, err error) {
	endpoint, how := path.Base(urlPath), outcome(err)
	c.duration.WithLabelValues(endpoint, how).Observe(took.Seconds())
	c.log.DebugContext(ctx, "kos called", "endpoint", endpoint, "outcome", how, "duration_ms", took.Milliseconds())
}

func outcome(err error) string {
	var (
		wrong  *AnswerError
		failed *sidecar.InvokeError
	)
	switch {
	case err == nil:
		return "answered"
	case errors.As(err, &wrong):
		return "faulty"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, errUnauthorized):
		return "unauthorized"
	case errors.As(err, &failed) && (failed.Reason == sidecar.BreakerOpen || failed.Reason == sidecar.Refused):
		return "not_called"
	case errors.Is(err, context.Canceled):
		return "abandoned"
	}
	return "unanswered"
}
