package httpserver

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// statusNoResponse is nginx's status for a connection closed without a response.
const statusNoResponse = 444

// response records status and size of a response.
type response struct {
	http.ResponseWriter
	span   trace.SpanContext // of the request
	status int
	bytes  int64
	wrote  bool
}

// WriteHeader implements http.ResponseWriter. The work of an accepted request goes on in the
// request's trace, which the response names, so that the client can quote it.
func (w *response) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	if status == http.StatusAccepted {
		w.Header().Set("Traceparent", telemetry.Traceparent(trace.ContextWithSpanContext(context.Background(), w.span)))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(body []byte) (int, error) {
	w.wrote = true
	n, err := w.ResponseWriter.Write(body)
	w.bytes += int64(n)
	return n, err
}

// Unwrap supports http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// abort closes the connection by a panic that net/http recovers.
func (w *response) abort() {
	if !w.wrote {
		w.status = statusNoResponse
	}
	panic(http.ErrAbortHandler)
}
