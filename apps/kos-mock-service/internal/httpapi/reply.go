package httpapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// Outcomes of calls, for the metric and the log.
const (
	outcomeDone       = "done"
	outcomeRefused    = "refused" // a business answer other than done
	outcomeBadRequest = "bad_request"
	outcomeDenied     = "denied"
	outcomeLimited    = "limited"
	outcomeFault      = "fault"     // injected
	outcomeBroken     = "broken"    // a failure of the mock itself
	outcomeAbandoned  = "abandoned" // the client disconnected
)

func newCallCounter(registerer prometheus.Registerer) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "phonebill_kos_mock_calls_total",
		Help: "Calls that reached KOS, by endpoint, registered client and outcome.",
	}, []string{"endpoint", "client", "outcome"})
	registerer.MustRegister(counter)
	return counter
}

// Result codes besides those of package billing. A failure without a code of its own has 9 followed
// by its HTTP status.
const (
	codeBadRequest = "9001"
	codeDenied     = "9002"
	codeLimited    = "9003"
)

const messageDone = "정상 처리되었습니다."

// envelope is the JSON form of every answer of KOS.
type envelope struct {
	Success       bool   `json:"success"`
	ResultCode    string `json:"resultCode"`
	ResultMessage string `json:"resultMessage"`
	Data          any    `json:"data"` // null unless done
}

// reply is the answer to a call.
type reply struct {
	status     int
	code       string
	message    string
	data       any
	retryAfter time.Duration
	outcome    string
	refusal    *problem.Error // of the request's form; nil for none
	fault      error          // of the mock itself, for the log
	dropped    bool           // the connection is closed without an answer
}

// answered is the reply to a valid request.
func answered(data any, err error) reply {
	if refusal, ok := errors.AsType[*billing.Refusal](err); ok {
		return reply{status: http.StatusOK, code: refusal.Code, message: refusal.Message, outcome: outcomeRefused}
	}
	if field, ok := errors.AsType[badInput](err); ok {
		return badRequest(field)
	}
	if err != nil {
		return broken(err)
	}
	return reply{status: http.StatusOK, code: billing.CodeDone, message: messageDone, data: data, outcome: outcomeDone}
}

// badInput is the error for an invalid request. Its text names the field.
type badInput string

func (b badInput) Error() string { return "bad input: " + string(b) }

func badRequest(err error) reply {
	if p := problem.From(err); p.Kind == problem.UnsupportedMedia {
		refused := failed(http.StatusUnsupportedMediaType, outcomeBadRequest)
		refused.refusal = p
		return refused
	}
	refused := failed(http.StatusBadRequest, outcomeBadRequest)
	if field, ok := errors.AsType[badInput](err); ok {
		refused.message += " (" + string(field) + ")"
	}
	return refused
}

// failed is the reply with an HTTP error status.
func failed(status int, outcome string) reply {
	failure := reply{status: status, code: "9" + strconv.Itoa(status), outcome: outcome}
	switch {
	case status == http.StatusBadRequest:
		failure.code, failure.message = codeBadRequest, "요청 형식이 올바르지 않습니다."
	case status == http.StatusUnauthorized:
		failure.code, failure.message = codeDenied, "인증에 실패했습니다."
	case status == http.StatusTooManyRequests:
		failure.code, failure.message = codeLimited, "요청 한도를 초과했습니다."
	case status >= http.StatusInternalServerError:
		failure.message = "시스템 오류가 발생했습니다."
	default:
		failure.message = "요청을 처리할 수 없습니다."
	}
	return failure
}

// broken is the reply after a failure of the mock itself.
func broken(err error) reply {
	failure := failed(http.StatusServiceUnavailable, outcomeBroken).after(time.Second)
	failure.fault = err
	return failure
}

// interrupted is the reply to a call whose wait was interrupted.
func interrupted(err error) reply {
	if errors.Is(err, behavior.ErrStopping) {
		return failed(http.StatusServiceUnavailable, outcomeFault)
	}
	return reply{outcome: outcomeAbandoned}
}

// dropped is the reply that closes the connection.
func dropped() reply { return reply{outcome: outcomeFault, dropped: true} }

// after returns the reply with a Retry-After.
func (r reply) after(d time.Duration) reply {
	r.retryAfter = d
	return r
}

// statusClientClosed is nginx's status for a client that disconnected before its answer.
const statusClientClosed = 499

func (r reply) write(w http.ResponseWriter) {
	if r.dropped {
		panic(http.ErrAbortHandler) // makes the server close the connection
	}
	if r.outcome == outcomeAbandoned {
		w.WriteHeader(statusClientClosed) // for logs and metrics only
		return
	}
	if r.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatFloat(math.Ceil(r.retryAfter.Seconds()), 'f', 0, 64))
	}
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if r.refusal != nil {
		httpjson.SetFailureHeaders(w.Header(), r.refusal)
	}
	// Our envelopes always marshal.
	_ = httpjson.Write(w, r.status, envelope{
		Success: r.outcome == outcomeDone, ResultCode: r.code, ResultMessage: r.message, Data: r.data,
	})
}
