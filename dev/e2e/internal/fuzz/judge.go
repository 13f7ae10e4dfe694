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

// slow is how long an answer may take.
const slow = 8 * time.Second

// Judge says what is wrong with answers. It may be used concurrently.
type Judge struct {
	Documents *openapitest.Validator
	// Direct says that no ingress is between, which has answers of its own.
	Direct bool
	// Text lets net/http answer by itself, with text, what it passes to no handler.
	Text bool

	seen sync.Map // refusals that are as described, but for their trace id
}

// internals are what no failure may tell.
var internals = regexp.MustCompile(`(?i)goroutine|panic|runtime error|\.go:\d|sqlstate|pgx|postgres|redis|dapr|dial tcp|127\.0\.0\.1|strconv|` +
	`invalid character|unmarshal|unexpected (end|EOF)|context (canceled|deadline)|go (struct|value)|json:|<html|nginx|ERR_`)

// Fault returns what is wrong with the answer to a case, or "".
func (j *Judge) Fault(c Case, r Request, answer Answer) string {
	switch {
	case answer.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("answered %d", answer.Status)
	case answer.Status < http.StatusOK:
		return fmt.Sprintf("answered %d, which ends nothing", answer.Status)
	case answer.Took > slow:
		return "took " + answer.Took.Round(time.Millisecond).String()
	case answer.Surplus && (r.Method != http.MethodHead || answer.Status != http.StatusBadRequest): // of a HEAD that could not be read
		return "was answered more than once"
	case answer.Header.Get("X-Injected") != "":
		return "put a header into its own answer"
	}
	if answer.Status < http.StatusBadRequest {
		return j.undescribed(c, r, answer)
	}
	if told := internals.Find(answer.Body); told != nil {
		return fmt.Sprintf("told %q", told)
	}
	// Most refusals are alike, and schemas take longer than all the rest.
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

// refusal is what a refusal is told by.
type refusal struct {
	operation, method string
	status            int
	retryAfter, body  string
}

var traceID = regexp.MustCompile(`"traceId":"[0-9a-f]{32}"`)

// undescribed returns in what an answer is not as the documents have it, or "".
func (j *Judge) undescribed(c Case, r Request, answer Answer) string {
	if j.Text && refusedByServer(answer) || answer.Status == http.StatusExpectationFailed && len(answer.Body) == 0 {
		return "" // what net/http answers by itself; to an Expect it leaves no choice
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
		// The server has tidied the path and found the operation.
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

// bare returns what is wrong with an answer that has no body, or "". A refusal of
// OPTIONS may have one.
func bare(answer Answer) string {
	if len(answer.Body) > 0 && answer.Status < http.StatusBadRequest {
		return "has a body where none is due"
	}
	if len(answer.Body) > 0 {
		return failure(answer)
	}
	return ""
}

// failure returns what is wrong with the envelope of a refusal, or "".
func failure(answer Answer) string {
	if answer.Status < http.StatusBadRequest {
		return fmt.Sprintf("answered %d to what is no operation", answer.Status)
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

// refusedByServer reports whether net/http answered by itself.
func refusedByServer(answer Answer) bool {
	own := []int{http.StatusBadRequest, http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge}
	return slices.Contains(own, answer.Status) && (len(answer.Body) == 0 || bytes.HasPrefix(answer.Body, fmt.Append(nil, answer.Status)))
}
