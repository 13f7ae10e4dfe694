package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// Refusals of a request body.
var (
	ErrMediaType = problem.New(problem.UnsupportedMedia, "UNSUPPORTED_MEDIA_TYPE", "Content-Type은 application/json이어야 합니다.")
	ErrTooLarge  = problem.New(problem.TooLarge, "REQUEST_TOO_LARGE", "요청 본문이 너무 큽니다.")
	ErrMalformed = problem.New(problem.Invalid, "MALFORMED_JSON", "요청 본문이 올바른 JSON이 아닙니다.")
)

// Decode reads r's body, exactly one JSON value of v's shape, into v. It
// returns ErrMediaType, ErrTooLarge (past the limit that package httpserver
// sets), ErrMalformed, or problem.ErrValidation for a field that is unknown or
// of another type.
func Decode(r *http.Request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return ErrMediaType
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return refusal(err)
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return ErrMalformed // encoding/json takes it for any type and leaves v alone
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return refusal(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("more than one value")
		}
		return refusal(err)
	}
	return nil
}

// refusal turns a decoder's error into what the client is told.
func refusal(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrTooLarge.WithCause(err)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fieldFault(wrong.Field, "형식이 올바르지 않습니다.").WithCause(err)
	}
	// encoding/json has no type for this one error.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fieldFault(strings.Trim(name, `"`), "알 수 없는 항목입니다.").WithCause(err)
	}
	return ErrMalformed.WithCause(fmt.Errorf("decode body: %w", err))
}

func fieldFault(field, message string) *problem.Error {
	if field == "" {
		return ErrMalformed // the whole value has another type
	}
	const maxName = 64 // a name chosen by the client is echoed, not at any length
	if len(field) > maxName {
		field = field[:maxName]
	}
	return problem.ErrValidation.WithFields(map[string]string{field: message})
}
