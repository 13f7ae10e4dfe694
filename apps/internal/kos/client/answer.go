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

// ResultCode is the code of a business answer, with HTTP status 200.
type ResultCode string

// OK means done. Each endpoint defines its other codes.
const OK ResultCode = "0000"

var resultCodePattern = regexp.MustCompile(`^[0-9]{4}$`)

// Valid reports whether the code has the format of KOS's codes.
func (c ResultCode) Valid() bool { return resultCodePattern.MatchString(string(c)) }

// maxAnswer bounds the size of an answer, in bytes.
const maxAnswer = 1 << 20

// Answer is the envelope of an answer of KOS.
type Answer struct {
	Success       bool
	ResultCode    ResultCode
	ResultMessage string
	Data          jsontext.Value // a JSON value if ResultCode is OK

	// reject logs and counts a fault. It is nil in answers that tests construct.
	reject func(ctx context.Context, wrong *AnswerError)
}

// Checker is data of an answer that validates itself.
type Checker interface {
	// Check returns an *AnswerError if the data violates the agreed format.
	Check() error
}

// Read decodes the data of the answer into out, a pointer to a struct, and validates it.
// Members of out that are pointers may be missing or null; all others are required. Members
// that out does not have are ignored. For data that violates the agreed format it returns
// ErrUnavailable, caused by an *AnswerError.
func (a *Answer) Read(ctx context.Context, out Checker) error {
	err := decode(a.Data, out)
	if err == nil {
		err = out.Check()
	}
	return a.Reject(ctx, err)
}

// Reject logs and counts a fault of the answer and returns ErrUnavailable, caused by err.
// For a nil err it returns nil.
func (a *Answer) Reject(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*AnswerError](err); ok && a.reject != nil {
		a.reject(ctx, wrong)
	}
	return ErrUnavailable.WithCause(err)
}

// Unexpected is Reject for a result code that the endpoint does not define.
func (a *Answer) Unexpected(ctx context.Context) error {
	return a.Reject(ctx, NewAnswerError(Code, "not defined by the endpoint"))
}

// decode decodes strict JSON: valid UTF-8, no duplicate members, names in their exact case,
// and all members of out except pointers.
func decode(text jsontext.Value, out any) error {
	if err := json.Unmarshal(text, out); err != nil {
		if _, ok := errors.AsType[*json.SemanticError](err); ok {
			return NewAnswerError(Shape, "a member is of another type")
		}
		return NewAnswerError(Syntax, "not one JSON value in UTF-8 with each member once")
	}
	return complete(text, out)
}

// envelope is the JSON of every answer.
type envelope struct {
	Success       bool            `json:"success"`
	ResultCode    ResultCode      `json:"resultCode"`
	ResultMessage string          `json:"resultMessage"`
	Data          *jsontext.Value `json:"data"`
}

// readAnswer returns the envelope in resp. Its errors are *AnswerErrors, or those of the
// connection.
func readAnswer(resp *http.Response) (Answer, error) {
	if err := checkMedia(resp.Header); err != nil {
		return Answer{}, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("kos: answer: %w", err)
	}
	if len(text) > maxAnswer {
		return Answer{}, NewAnswerError(Size, "more than 1 MiB")
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
		return Answer{}, NewAnswerError(Value, "resultCode")
	case in.Success != (in.ResultCode == OK):
		return Answer{}, NewAnswerError(Value, "success and resultCode contradict each other")
	}
	answer := Answer{Success: in.Success, ResultCode: in.ResultCode, ResultMessage: in.ResultMessage}
	if in.Data != nil && in.Data.Kind() != 'n' {
		answer.Data = *in.Data
	}
	if in.Success && answer.Data == nil {
		return Answer{}, NewAnswerError(Shape, "no data")
	}
	return answer, nil
}

// checkMedia returns an error unless the body is unencoded JSON in UTF-8.
func checkMedia(header http.Header) error {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return NewAnswerError(MediaType, "not application/json")
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return NewAnswerError(MediaType, "charset is not UTF-8")
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return NewAnswerError(MediaType, "encoded")
	}
	return nil
}
