package httpjson_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
}

const maxBody = 256

func request(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, maxBody)
	return r
}

func TestDecodeTakesOneValueOfTheShape(t *testing.T) {
	t.Parallel()
	want := order{Line: "01012345678", Months: 6}
	want.Owner.Name = "김"
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON"} {
		var got order
		r := request(contentType, ` {"line":"01012345678","months":6,"owner":{"name":"김"}} `+"\n")
		if err := httpjson.Decode(r, &got); err != nil {
			t.Errorf("%s: %v", contentType, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", contentType, diff)
		}
	}
}

func TestDecodeRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	tests := map[string]struct {
		contentType, body string
		want              error
		field             string // the one that is named
	}{
		"no media type":         {"", `{}`, httpjson.ErrMediaType, ""},
		"form":                  {"application/x-www-form-urlencoded", `{}`, httpjson.ErrMediaType, ""},
		"text":                  {"text/plain", `{}`, httpjson.ErrMediaType, ""},
		"media type is garbage": {"application/json; =", `{}`, httpjson.ErrMediaType, ""},
		"empty":                 {jsonType, ``, httpjson.ErrMalformed, ""},
		"only space":            {jsonType, ` `, httpjson.ErrMalformed, ""},
		"null":                  {jsonType, `null`, httpjson.ErrMalformed, ""},
		"cut off":               {jsonType, `{"line":"0101`, httpjson.ErrMalformed, ""},
		"not JSON":              {jsonType, `line=010`, httpjson.ErrMalformed, ""},
		"array for object":      {jsonType, `[]`, httpjson.ErrMalformed, ""},
		"two values":            {jsonType, `{} {}`, httpjson.ErrMalformed, ""},
		"trailing text":         {jsonType, `{} x`, httpjson.ErrMalformed, ""},
		"trailing bracket":      {jsonType, `{}]`, httpjson.ErrMalformed, ""},
		"unknown field":         {jsonType, `{"admin":true}`, problem.ErrValidation, "admin"},
		"nameless field":        {jsonType, `{"":true}`, httpjson.ErrMalformed, ""},
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
				t.Errorf("names %v, want %q", fields.Fields, tc.field)
			}
		})
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
			return
		}
		refusal, ok := errors.AsType[*problem.Error](err)
		if !ok || refusal.Kind == problem.Internal {
			t.Fatalf("a bad body is taken for a fault of ours: %v", err)
		}
		answer := httptest.NewRecorder()
		httpjson.Fail(answer, httptest.NewRequest(http.MethodPost, "/", http.NoBody), err)
		if answer.Code < 400 || answer.Code > 499 {
			t.Fatalf("answered %d", answer.Code)
		}
		decodeFailure(t, answer)
	})
}
