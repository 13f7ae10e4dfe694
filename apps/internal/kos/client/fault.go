package client

import (
	"context"
	"log/slog"
	"path"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is how an answer of KOS violates the agreed format.
type Kind string

// The kinds.
const (
	Status     Kind = "status"      // an HTTP status outside the contract
	MediaType  Kind = "media_type"  // not JSON in UTF-8, or encoded
	Size       Kind = "size"        // larger than maxAnswer
	Syntax     Kind = "syntax"      // not one JSON value, not UTF-8, or a duplicate member
	Shape      Kind = "shape"       // a member is missing or of another type
	Value      Kind = "value"       // a code, a date or a text has a wrong format
	Mismatch   Kind = "mismatch"    // of another line, month or order than the request
	Amount     Kind = "amount"      // amounts do not add up or are out of range
	Code       Kind = "result_code" // a result code that the endpoint does not define
	RetryAfter Kind = "retry_after" // Retry-After is unreadable or out of range
)

// AnswerError is the error of an answer that violates the agreed format: a fault of KOS. It
// contains nothing of the answer.
type AnswerError struct {
	Kind   Kind
	Reason string // constant text and names of members
}

// Error returns the kind and the reason.
func (e *AnswerError) Error() string { return "kos answer: " + string(e.Kind) + ": " + e.Reason }

// NewAnswerError returns an AnswerError.
func NewAnswerError(kind Kind, reason string) *AnswerError {
	return &AnswerError{Kind: kind, Reason: reason}
}

// faults logs and counts answers that violate the agreed format.
type faults struct {
	log     *slog.Logger
	counter *prometheus.CounterVec
}

func newFaults(log *slog.Logger, registerer prometheus.Registerer) *faults {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phonebill_kos_answer_faults_total",
		Help: "Answers of KOS that violate the agreed format, by endpoint and kind: status, media_type, size, syntax, shape, value, mismatch, amount, result_code or retry_after.",
	}, []string{"endpoint", "kind"})
	registerer.MustRegister(counter)
	return &faults{log: log, counter: counter}
}

// record logs and counts a faulty answer of the endpoint at urlPath.
func (f *faults) record(ctx context.Context, urlPath string, wrong *AnswerError) {
	endpoint := path.Base(urlPath)
	f.counter.WithLabelValues(endpoint, string(wrong.Kind)).Inc()
	f.log.WarnContext(ctx, "kos answer rejected", "endpoint", endpoint, "kind", string(wrong.Kind), "reason", wrong.Reason)
}
