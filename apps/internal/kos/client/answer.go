package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ResultCode is KOS's business answer. It comes with HTTP status 200.
type ResultCode string

// OK means done. The other codes are each endpoint's own.
const OK ResultCode = "0000"

var resultCodePattern = regexp.MustCompile(`^[0-9]{4}$`)

// Valid reports whether the code is of the form that KOS's codes have.
func (c ResultCode) Valid() bool { return resultCodePattern.MatchString(string(c)) }

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 1 << 20

// Answer is KOS's envelope.
type Answer struct {
	Success       bool
	ResultCode    ResultCode
	ResultMessage string
	Data          jsontext.Value // a JSON value if ResultCode is OK

	// reject takes note of what is wrong. Answers that tests make have none.
	reject func(ctx context.Context, wrong *AnswerError)
}

// Checker is data of an answer that says itself whether it is as agreed.
type Checker interface {
	// Check returns an *AnswerError, or nil.
	Check() error
}

// Read decodes the data of the answer into out, a pointer to a struct, and
// checks it. Members of out that are pointers may be missing or null, all others
// must be there; members that out does not have are ignored. It returns
// ErrUnavailable, caused by an *AnswerError, for data that is not as agreed.
func (a *Answer) Read(ctx context.Context, out Checker) error {
	err := decode(a.Data, out)
	if err == nil {
		err = out.Check()
	}
	return a.Reject(ctx, err)
}

// Reject takes note of what is wrong with the answer and returns ErrUnavailable,
// caused by it. It returns nil for nil.
func (a *Answer) Reject(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*AnswerError](err); ok && a.reject != nil {
		a.reject(ctx, wrong)
	}
	return ErrUnavailable.WithCause(err)
}

// Unexpected is Reject for a result code that the endpoint does not have.
func (a *Answer) Unexpected(ctx context.Context) error {
	return a.Reject(ctx, Wrong(Code, "not one of the endpoint's"))
}

// decode reads strict JSON: valid UTF-8, no member twice, names in their exact
// case, and all members of out that are no pointers.
func decode(text jsontext.Value, out any) error {
	if err := json.Unmarshal(text, out); err != nil {
		if _, ok := errors.AsType[*json.SemanticError](err); ok {
			return Wrong(Shape, "a member is of another type")
		}
		return Wrong(Syntax, "not one JSON value in UTF-8 with each member once")
	}
	return complete(text, out)
}

// envelope is what every answer comes in.
type envelope struct {
	Success       bool            `json:"success"`
	ResultCode    ResultCode      `json:"resultCode"`
	ResultMessage string          `json:"resultMessage"`
	Data          *jsontext.Value `json:"data"`
}

// readAnswer returns the envelope in resp. Its errors are *AnswerErrors, or of a
// connection that broke.
func readAnswer(resp *http.Response) (Answer, error) {
	if err := checkMedia(resp.Header); err != nil {
		return Answer{}, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("kos: answer: %w", err)
	}
	if len(text) > maxAnswer {
		return Answer{}, Wrong(Size, "more than 1 MiB")
	}
	return open(text)
}

func open(text []byte) (Answer, error) {
	var in envelope
	if err := decode(text, &in); err != nil {
		return Answer{}, err
	}
	switch {
	case !in.ResultCode.Valid():
		return Answer{}, Wrong(Value, "resultCode")
	case in.Success != (in.ResultCode == OK):
		return Answer{}, Wrong(Value, "success and resultCode contradict each other")
	}
	answer := Answer{Success: in.Success, ResultCode: in.ResultCode, ResultMessage: in.ResultMessage}
	if in.Data != nil && in.Data.Kind() != 'n' {
		answer.Data = *in.Data
	}
	if in.Success && answer.Data == nil {
		return Answer{}, Wrong(Shape, "no data")
	}
	return answer, nil
}

// checkMedia returns an error unless the body is JSON in UTF-8, as it is.
func checkMedia(header http.Header) error {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return Wrong(MediaType, "not application/json")
	}
	if charset, said := params["charset"]; said && !strings.EqualFold(charset, "utf-8") {
		return Wrong(MediaType, "charset is not UTF-8")
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return Wrong(MediaType, "encoded")
	}
	return nil
}
