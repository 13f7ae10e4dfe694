package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/openapitest"
)

// slow is the maximum duration of an answer.
const slow = 8 * time.Second

// Judge checks answers. It is safe for concurrent use.
type Judge struct {
	Documents *openapitest.Validator
	// Direct is true without an ingress, which has answers of its own.
	Direct bool
	// Text accepts plain-text answers that net/http gives before any handler.
	Text bool

	seen sync.Map // refusals that were validated, apart from the trace id
}

// internals matches text that no error may contain.
var internals = regexp.MustCompile(`(?i)goroutine|panic|runtime error|\.go:\d|sqlstate|pgx|postgres|redis|dapr|dial tcp|127\.0\.0\.1|strconv|` +
	`invalid character|unmarshal|unexpected (end|EOF)|context (canceled|deadline)|go (struct|value)|json:|<html|nginx|ERR_`)

// Fault returns what is wrong with the answer to a case, or "".
func (j *Judge) Fault(c Case, r Request, answer Answer) string {
	switch {
	case answer.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("answered %d", answer.Status)
	case answer.Status < http.StatusOK:
		return fmt.Sprintf("answered %d, which is not a final status", answer.Status)
	case answer.Took > slow:
		return "took " + answer.Took.Round(time.Millisecond).String()
	case answer.Surplus && (r.Method != http.MethodHead || answer.Status != http.StatusBadRequest): // of a HEAD that could not be parsed
		return "was answered more than once"
	case answer.Header.Get("X-Injected") != "":
		return "copied an injected header into its answer"
	}
	if answer.Status < http.StatusBadRequest {
		return j.undescribed(c, r, answer)
	}
	if found := internals.Find(answer.Body); found != nil {
		return fmt.Sprintf("contains %q", found)
	}
	// Most refusals are alike, and validation is slow, so results are cached.
	like := refusal{c.Operation.Name(), r.Method, answer.Status, answer.Header.Get("Retry-After"), traceID.ReplaceAllString(string(answer.Body), "")}
	if _, seen := j.seen.Load(like); seen {
		return ""
	}
	fault := j.undescribed(c, r, answer)
	if fault == "" {
		j.seen.Store(like, true)
	}
	return fault
}

// refusal identifies equal refusals.
type refusal struct {
	operation, method string
	status            int
	retryAfter, body  string
}

var traceID = regexp.MustCompile(`"traceId":"[0-9a-f]{32}"`)

// undescribed returns how an answer deviates from the documents, or "".
func (j *Judge) undescribed(c Case, r Request, answer Answer) string {
	if j.Text && refusedByServer(answer) || answer.Status == http.StatusExpectationFailed && len(answer.Body) == 0 {
		return "" // an answer of net/http itself, or to an Expect header
	}
	if r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return bare(answer)
	}
	if !j.Direct && !c.Operation.Rule.Routed() {
		return failure(answer)
	}
	target, err := url.ParseRequestURI(r.Target)
	if err != nil || target.Path == "" {
		return failure(answer)
	}
	err = j.check(r.Method, target.Path, answer)
	if !errors.Is(err, openapitest.ErrUndescribed) {
		return describe(err)
	}
	if answer.Status < http.StatusBadRequest && r.Method == c.Operation.Method {
		// The server has cleaned the path and found the operation.
		return describe(j.check(c.Operation.Method, c.Operation.Example(map[string]string{}).Path, answer))
	}
	return failure(answer)
}

func (j *Judge) check(method, path string, answer Answer) error {
	path, _, _ = strings.Cut(path, "?")
	request := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}}
	response := &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body))}
	return j.Documents.Check(request, response, answer.Body)
}

func describe(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("is not as described: %.600v", err)
}

// bare returns what is wrong with an answer that must have no body, or "". A refusal of OPTIONS may
// have one.
func bare(answer Answer) string {
	if len(answer.Body) > 0 && answer.Status < http.StatusBadRequest {
		return "has a body where none is allowed"
	}
	if len(answer.Body) > 0 {
		return failure(answer)
	}
	return ""
}

// failure returns what is wrong with the envelope of a refusal, or "".
func failure(answer Answer) string {
	if answer.Status < http.StatusBadRequest {
		return fmt.Sprintf("answered %d to an unknown operation", answer.Status)
	}
	var envelope api.Failure
	if err := json.Unmarshal(answer.Body, &envelope); err != nil {
		return fmt.Sprintf("answered %d without an envelope", answer.Status)
	}
	if fault := envelope.Fault(); fault != "" {
		return fault
	}
	return ""
}

// refusedByServer reports whether net/http answered before any handler.
func refusedByServer(answer Answer) bool {
	own := []int{http.StatusBadRequest, http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge}
	return slices.Contains(own, answer.Status) && (len(answer.Body) == 0 || bytes.HasPrefix(answer.Body, fmt.Append(nil, answer.Status)))
}
