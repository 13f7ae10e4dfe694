package httpjson_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

type order struct {
	Line   string `json:"line"`
	Months int    `json:"months"`
	Owner  struct {
		Name string `json:"name"`
	} `json:"owner"`
	Lines []string `json:"lines"`
	embedded
}

// embedded has members that JSON inlines into order.
type embedded struct {
	Nested struct {
		Sure bool `json:"sure"`
	} `json:"nested"`
}

const maxBody = 256

func request(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, maxBody)
	return r
}

func TestDecodeAcceptsOneValue(t *testing.T) {
	t.Parallel()
	want := order{Line: "01012345678", Months: 6}
	want.Owner.Name = "김"
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON", `application/json;Charset="UTF-8"`} {
		var got order
		r := request(contentType, ` {"line":"01012345678","months":6,"owner":{"name":"\uAE40"},"lines":null} `+"\n")
		if err := httpjson.Decode(r, &got); err != nil {
			t.Errorf("%s: %v", contentType, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(order{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", contentType, diff)
		}
	}
}

func TestDecodeRejectsInvalidBodies(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	tests := map[string]struct {
		contentType, body string
		want              error
		field             string // named by the error
	}{
		"no media type":         {"", `{}`, httpjson.ErrMediaType, ""},
		"form":                  {"application/x-www-form-urlencoded", `{}`, httpjson.ErrMediaType, ""},
		"text":                  {"text/plain", `{}`, httpjson.ErrMediaType, ""},
		"media type is garbage": {"application/json; =", `{}`, httpjson.ErrMediaType, ""},
		"empty body":            {jsonType, ``, httpjson.ErrMalformed, ""},
		"only space":            {jsonType, ` `, httpjson.ErrMalformed, ""},
		"null":                  {jsonType, `null`, httpjson.ErrMalformed, ""},
		"truncated":             {jsonType, `{"line":"0101`, httpjson.ErrMalformed, ""},
		"not JSON":              {jsonType, `line=010`, httpjson.ErrMalformed, ""},
		"array for object":      {jsonType, `[]`, httpjson.ErrMalformed, ""},
		"two values":            {jsonType, `{} {}`, httpjson.ErrMalformed, ""},
		"trailing text":         {jsonType, `{} x`, httpjson.ErrMalformed, ""},
		"trailing bracket":      {jsonType, `{}]`, httpjson.ErrMalformed, ""},
		"unknown field":         {jsonType, `{"admin":true}`, problem.ErrValidation, "admin"},
		"nameless field":        {jsonType, `{"":true}`, httpjson.ErrMalformed, ""},
		"charset":               {jsonType + "; charset=euc-kr", `{}`, httpjson.ErrMediaType, ""},
		"charset is empty":      {jsonType + `; charset=""`, `{}`, httpjson.ErrMediaType, ""},
		"invalid UTF-8":         {jsonType, "{\"line\":\"\xff\"}", httpjson.ErrMalformed, ""},
		"invalid UTF-8, name":   {jsonType, "{\"\xff\":1}", httpjson.ErrMalformed, ""},
		"UTF-16":                {jsonType, "\xff\xfe{\x00}\x00", httpjson.ErrMalformed, ""},
		"byte order mark":       {jsonType, "\ufeff{}", httpjson.ErrMalformed, ""},
		"encoded surrogate":     {jsonType, "{\"line\":\"\xed\xa0\x80\"}", httpjson.ErrMalformed, ""},
		"lone high surrogate":   {jsonType, `{"line":"\ud800"}`, httpjson.ErrMalformed, ""},
		"lone low surrogate":    {jsonType, `{"line":"\udc00x"}`, httpjson.ErrMalformed, ""},
		"duplicate":             {jsonType, `{"line":"a","line":"b"}`, problem.ErrValidation, "line"},
		"duplicate by escape":   {jsonType, `{"line":"a","\u006cine":"b"}`, problem.ErrValidation, "line"},
		"duplicate inside":      {jsonType, `{"owner":{"name":"a","name":"b"}}`, problem.ErrValidation, "owner.name"},
		"other case":            {jsonType, `{"Line":"a"}`, problem.ErrValidation, "Line"},
		"other case inside":     {jsonType, `{"owner":{"NAME":"a"}}`, problem.ErrValidation, "owner.NAME"},
		"Kelvin sign":           {jsonType, `{"Kine":"a"}`, problem.ErrValidation, "Kine"},
		"wrong type in a list":  {jsonType, `{"lines":["a",1]}`, problem.ErrValidation, "lines[1]"},
		"wrong type, embedded":  {jsonType, `{"nested":1}`, problem.ErrValidation, "nested"},
		"deeper, embedded":      {jsonType, `{"nested":{"sure":"yes"}}`, problem.ErrValidation, "nested.sure"},
		"name of a Go type":     {jsonType, `{"embedded":{}}`, problem.ErrValidation, "embedded"},
		"deep":                  {jsonType, strings.Repeat("[", 200), httpjson.ErrMalformed, ""},
		"deep and unknown":      {jsonType, `{"x":` + strings.Repeat("[", 200), problem.ErrValidation, "x"},
		"wrong type":            {jsonType, `{"months":"six"}`, problem.ErrValidation, "months"},
		"fraction":              {jsonType, `{"months":1.5}`, problem.ErrValidation, "months"},
		"overflow":              {jsonType, `{"months":99999999999999999999}`, problem.ErrValidation, "months"},
		"wrong type inside":     {jsonType, `{"owner":{"name":1}}`, problem.ErrValidation, "owner.name"},
		"long unknown field":    {jsonType, `{"` + strings.Repeat("a", 100) + `":1}`, problem.ErrValidation, strings.Repeat("a", 64)},
		"too large":             {jsonType, `{"line":"` + strings.Repeat("1", maxBody) + `"}`, httpjson.ErrTooLarge, ""},
		"too large afterwards":  {jsonType, `{}` + strings.Repeat(" ", maxBody), httpjson.ErrTooLarge, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := httpjson.Decode(request(tc.contentType, tc.body), &order{})
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if fields, _ := problem.From(err).Details.(problem.FieldErrors); (tc.field != "" || fields.Fields != nil) && fields.Fields[tc.field] == "" {
				t.Errorf("fields %v, want %q", fields.Fields, tc.field)
			}
		})
	}
}

func TestDecodeRejectsContentEncodings(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[string]error{
		"gzip": httpjson.ErrEncoding, "identity": httpjson.ErrEncoding, "aes128gcm, gzip": httpjson.ErrEncoding,
		"": nil, " ,": nil, // an empty list names none
	} {
		r := request("application/json", `{}`)
		r.Header.Set("Content-Encoding", encoding)
		if err := httpjson.Decode(r, &order{}); !errors.Is(err, want) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
	r := request("application/json", `{}`)
	r.Header.Add("Content-Type", "application/json")
	if err := httpjson.Decode(r, &order{}); !errors.Is(err, httpjson.ErrMediaType) {
		t.Errorf("two Content-Type headers: %v", err)
	}
}

// TestUnsupportedMediaHeaders checks Accept and Accept-Encoding (RFC 9110,
// sections 12.5.3 and 15.5.16).
func TestUnsupportedMediaHeaders(t *testing.T) {
	t.Parallel()
	for err, want := range map[*problem.Error][2]string{
		httpjson.ErrMediaType: {"application/json", ""},
		httpjson.ErrEncoding:  {"", "identity"},
		httpjson.ErrMalformed: {"", ""},
	} {
		rec := httptest.NewRecorder()
		httpjson.Fail(rec, httptest.NewRequest(http.MethodPost, "/", nil), err)
		if got := [2]string{rec.Header().Get("Accept"), rec.Header().Get("Accept-Encoding")}; got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestPathIsTruncatedAtACharacter(t *testing.T) {
	t.Parallel()
	err := httpjson.Decode(request("application/json", `{"`+strings.Repeat("가", 30)+`":1}`), &order{})
	fields, _ := problem.From(err).Details.(problem.FieldErrors)
	if fields.Fields[strings.Repeat("가", 21)] == "" {
		t.Errorf("fields %q", fields.Fields)
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"line":"01012345678","months":6}`, `{"line":1}`, `{"x":1}`, `{"\"":1}`, `{}{}`, `[`, ``, `null`, "{\"\xff\":1}", `{"months":1e400}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var got order
		err := httpjson.Decode(request("application/json", body), &got)
		if err == nil {
			if !utf8.ValidString(body) {
				t.Fatalf("%q is accepted", body)
			}
			return
		}
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || p.Kind == problem.Internal {
			t.Fatalf("an invalid body is reported as an internal error: %v", err)
		}
		rec := httptest.NewRecorder()
		httpjson.Fail(rec, httptest.NewRequest(http.MethodPost, "/", nil), err)
		if rec.Code < 400 || rec.Code > 499 {
			t.Fatalf("answered %d", rec.Code)
		}
		decodeFailure(t, rec)
	})
}
