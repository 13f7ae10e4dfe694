package httpjson

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// The errors of Decode.
var (
	ErrMediaType = problem.New(problem.UnsupportedMedia, "UNSUPPORTED_MEDIA_TYPE", "Content-Type은 application/json(UTF-8)이어야 합니다.")
	ErrEncoding  = problem.New(problem.UnsupportedMedia, "UNSUPPORTED_CONTENT_ENCODING", "압축 등으로 인코딩된 요청 본문은 지원하지 않습니다.")
	ErrTooLarge  = problem.New(problem.TooLarge, "REQUEST_TOO_LARGE", "요청 본문이 너무 큽니다.")
	ErrMalformed = problem.New(problem.Invalid, "MALFORMED_JSON", "요청 본문이 올바른 JSON이 아닙니다.")
)

// Decode decodes r's body, exactly one JSON value, into v. As in encoding/json/v2,
// the body must be valid UTF-8 without lone surrogates or duplicate members, and
// names are case-sensitive. Unknown members are rejected; null counts as absent.
//
// Decode returns ErrMediaType, ErrEncoding, ErrTooLarge (above the limit set by
// package httpserver), ErrMalformed, or problem.ErrValidation with the path of the
// member that is unknown, duplicate or of the wrong type.
func Decode(r *http.Request, v any) error {
	if err := checkMedia(r.Header); err != nil {
		return err
	}
	body := buffer()
	defer release(body)
	if _, err := body.ReadFrom(r.Body); err != nil {
		return toProblem(err)
	}
	if string(bytes.TrimSpace(body.Bytes())) == "null" {
		return ErrMalformed // json.Unmarshal accepts null for any type
	}
	if err := json.Unmarshal(body.Bytes(), v, strict); err != nil {
		return toProblem(err)
	}
	return nil
}

var strict = json.RejectUnknownMembers(true)

// checkMedia rejects bodies that are not plain JSON in UTF-8. RFC 9110, section
// 8.4.1, reserves "identity" for Accept-Encoding, so any Content-Encoding is rejected.
func checkMedia(header http.Header) error {
	types := header.Values("Content-Type")
	if len(types) != 1 {
		return ErrMediaType
	}
	if types[0] != mediaType && !isJSON(types[0]) {
		return ErrMediaType
	}
	if strings.Trim(strings.Join(header.Values("Content-Encoding"), ","), ", \t") != "" {
		return ErrEncoding
	}
	return nil
}

// mediaType is the Content-Type of nearly all requests.
const mediaType = "application/json"

// isJSON reports whether a Content-Type is JSON in UTF-8.
func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != mediaType {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// toProblem returns the problem for an error from reading or decoding a body.
func toProblem(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrTooLarge.WithCause(err)
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		message := "형식이 올바르지 않습니다."
		if errors.Is(wrong.Err, json.ErrUnknownName) {
			message = "알 수 없는 항목입니다."
		}
		return memberFault(wrong.JSONPointer, message).WithCause(err)
	}
	if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok && errors.Is(wrong.Err, jsontext.ErrDuplicateName) {
		return memberFault(wrong.JSONPointer, "중복된 항목입니다.").WithCause(err)
	}
	return ErrMalformed.WithCause(fmt.Errorf("decode body: %w", err))
}

// memberFault returns a validation problem that names a member.
func memberFault(at jsontext.Pointer, message string) *problem.Error {
	path := memberPath(at)
	if path == "" {
		return ErrMalformed // the whole value has the wrong type, or the member's name is empty
	}
	return problem.ErrValidation.WithFields(map[string]string{path: message})
}

// maxPath is the maximum length of a member's path in a response, in bytes. The
// client chooses the names in it.
const maxPath = 64

// memberPath returns the path of a member in JavaScript notation:
// script[0].lineNumber.
func memberPath(at jsontext.Pointer) string {
	var path strings.Builder
	for token := range at.Tokens() {
		switch {
		case isIndex(token):
			path.WriteString("[" + token + "]")
		case path.Len() > 0:
			path.WriteString("." + token)
		default:
			path.WriteString(token)
		}
	}
	return truncate(path.String(), maxPath)
}

// isIndex reports whether a token of a pointer is an array index. No type of ours
// has numeric member names.
func isIndex(token string) bool {
	return token != "" && strings.Trim(token, "0123456789") == ""
}

// truncate returns the longest prefix of whole characters within limit bytes.
func truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
