package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

const (
	ingressLimit = 1 << 20 // maximum size of a body in nginx
	serviceLimit = 1 << 16 // and in the services
)

// padded returns a JSON object of the given size.
func padded(size int) []byte {
	const frame = `{"lineNumber":""}`
	return []byte(`{"lineNumber":"` + strings.Repeat("0", size-len(frame)) + `"}`)
}

// TestBadBodies sends invalid bodies to every operation with a body.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	c := resident(t)
	paths := []string{
		"/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/register", "/api/v1/auth/change-password",
		"/api/v1/auth/permissions/check", "/api/v1/bills/inquiry", "/api/v1/kos/mock-datas",
	}
	tests := map[string]struct {
		body   []byte
		media  string
		status int
		code   string
	}{
		"nothing":                  {[]byte(""), "application/json", 400, "MALFORMED_JSON"},
		"no JSON":                  {[]byte("lineNumber=1"), "application/json", 400, "MALFORMED_JSON"},
		"cut off":                  {[]byte(`{"`), "application/json", 400, "MALFORMED_JSON"},
		"null":                     {[]byte("null"), "application/json", 400, "MALFORMED_JSON"},
		"a list":                   {[]byte("[]"), "application/json", 400, "MALFORMED_JSON"},
		"a text":                   {[]byte(`"010"`), "application/json", 400, "MALFORMED_JSON"},
		"two values":               {[]byte("{}{}"), "application/json", 400, "MALFORMED_JSON"},
		"deep":                     {bytes.Repeat([]byte("["), 20_000), "application/json", 400, "MALFORMED_JSON"},
		"an unknown field":         {[]byte(`{"unknown":1}`), "application/json", 400, "VALIDATION_ERROR"},
		"a form":                   {[]byte("{}"), "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"},
		"a text by its type":       {[]byte("{}"), "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"},
		"no type":                  {[]byte("{}"), "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		"more than a service does": {padded(serviceLimit + 1), "application/json", 413, "REQUEST_TOO_LARGE"},
		"more than the ingress":    {padded(ingressLimit + 1), "application/json", 413, "REQUEST_TOO_LARGE"},
	}
	for name, test := range tests {
		for _, path := range paths {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				asker := api.New(whole.url(), checked(t)).With(c.Tokens.Access)
				asker.Send(api.Request{
					Method: http.MethodPost, Path: path, Body: test.body, Header: map[string]string{"Content-Type": test.media},
				}).Refused(t, test.status, test.code)
			})
		}
	}
}

// TestEveryRouteRefusesBadInput sends invalid input to every routed operation. The services' own
// tests do the same without the ingress.
func TestEveryRouteRefusesBadInput(t *testing.T) {
	t.Parallel()
	owner, admin := demo(t, "testuser01"), demo(t, "admin01") // the documents' examples belong to that owner
	for _, document := range whole.docs {
		access.InputOf(t, document, func(o access.Operation) bool { return o.Rule.Routed() }, ingress(t), func(r *http.Request, rule access.Rule) {
			token := owner.Tokens.Access
			if rule == access.Admin {
				token = admin.Tokens.Access
			}
			r.Header.Set("Authorization", "Bearer "+token)
		})
	}
}

// ingress returns a handler that forwards requests unchanged.
func ingress(t *testing.T) http.Handler {
	t.Helper()
	base, err := url.Parse(whole.url())
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := *r.URL
		target.Scheme, target.Host = base.Scheme, base.Host
		request, err := http.NewRequestWithContext(t.Context(), r.Method, "", r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		request.URL, request.Host, request.Header, request.ContentLength = &target, base.Host, r.Header, r.ContentLength
		answer, err := connections.RoundTrip(request)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}

func TestBadInquiries(t *testing.T) {
	t.Parallel()
	c := resident(t)
	inquiry := func(line, month string) []byte {
		return fmt.Appendf(nil, `{"lineNumber":%s,"inquiryMonth":%s}`, line, month)
	}
	line := `"` + c.Line + `"`
	next := `"` + api.Month(-1) + `"`
	tests := map[string]struct {
		body  []byte
		code  string
		field string
	}{
		"next month":          {inquiry(line, next), "INVALID_MONTH", "inquiryMonth"},
		"far in the future":   {inquiry(line, `"9999-12"`), "INVALID_MONTH", "inquiryMonth"},
		"one month too old":   {inquiry(line, `"`+api.Month(6)+`"`), "INVALID_MONTH", "inquiryMonth"},
		"long ago":            {inquiry(line, `"0001-01"`), "INVALID_MONTH", "inquiryMonth"},
		"the 13th":            {inquiry(line, `"2026-13"`), "INVALID_MONTH", "inquiryMonth"},
		"the zeroth":          {inquiry(line, `"202600"`), "INVALID_MONTH", "inquiryMonth"},
		"words":               {inquiry(line, `"이번 달"`), "INVALID_MONTH", "inquiryMonth"},
		"a day":               {inquiry(line, `"2026-01-01"`), "INVALID_MONTH", "inquiryMonth"},
		"one digit":           {inquiry(line, `"2026-1"`), "INVALID_MONTH", "inquiryMonth"},
		"other digits":        {inquiry(line, `"２０２６０１"`), "INVALID_MONTH", "inquiryMonth"},
		"a number":            {inquiry(line, `202601`), "VALIDATION_ERROR", "inquiryMonth"},
		"no line":             {[]byte(`{}`), "VALIDATION_ERROR", "lineNumber"},
		"an empty line":       {inquiry(`""`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"a short line":        {inquiry(`"0101234567"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"a long line":         {inquiry(`"010123456789"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"an old line":         {inquiry(`"01112345678"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"dashes elsewhere":    {inquiry(`"0101-234-5678"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"one dash":            {inquiry(`"010-12345678"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"letters":             {inquiry(`"010abcdefgh"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"a line with SQL":     {inquiry(`"01012345678' OR 1=1--"`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"a line as a number":  {inquiry(`1012345678`, `""`), "VALIDATION_ERROR", "lineNumber"},
		"a line with a break": {inquiry(`"01012345678\n"`, `""`), "VALIDATION_ERROR", "lineNumber"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asker := anonymous(t).With(c.Tokens.Access)
			failure := asker.Send(api.Request{Method: http.MethodPost, Path: "/api/v1/bills/inquiry", Body: test.body}).
				Refused(t, http.StatusBadRequest, test.code)
			if failure.Error.Details.FieldErrors[test.field] == "" {
				t.Errorf("%s is missing in: %+v", test.field, failure)
			}
		})
	}
	t.Cleanup(func() { // after all cases
		if n := billCalls(t, c.Line); n != 0 {
			t.Errorf("KOS was called %d times", n)
		}
	})
}

func TestBadHistoryQueries(t *testing.T) {
	t.Parallel()
	c := resident(t)
	today := time.Now().In(api.Seoul).Format(time.DateOnly)
	yesterday := time.Now().In(api.Seoul).AddDate(0, 0, -1).Format(time.DateOnly)
	tests := map[string]string{
		"page=0": "page", "page=-1": "page", "page=x": "page", "page=101&size=100": "page", "page=99999999999999999999": "page",
		"size=0": "size", "size=101": "size", "size=1.5": "size",
		"status=DONE": "status", "startDate=2026-02-30": "startDate", "startDate=20260101": "startDate", "endDate=today": "endDate",
		"startDate=" + today + "&endDate=" + yesterday: "startDate", "lineNumber=1": "lineNumber",
	}
	for query, field := range tests {
		t.Run(query, func(t *testing.T) {
			failure := c.History(query).Refused(t, http.StatusBadRequest, "VALIDATION_ERROR")
			if failure.Error.Details.FieldErrors[field] == "" {
				t.Errorf("%s: %s is missing in: %+v", query, field, failure)
			}
		})
	}
	for _, id := range []string{"x", "019a0000-0000-4000-8000-000000000000", strings.Repeat("a", 1000), "..."} {
		c.Send(api.Request{Method: http.MethodGet, Path: "/api/v1/bills/inquiry/" + id}).Refused(t, http.StatusNotFound, "INQUIRY_NOT_FOUND")
	}
}

func TestBadAccounts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*api.Registration)
		field  string
	}{
		"short id":       {func(r *api.Registration) { r.UserID = "ab" }, "userId"},
		"long id":        {func(r *api.Registration) { r.UserID = strings.Repeat("a", 21) }, "userId"},
		"id with a dot":  {func(r *api.Registration) { r.UserID = "a.b.c" }, "userId"},
		"Korean id":      {func(r *api.Registration) { r.UserID = "홍길동입니다" }, "userId"},
		"no customer":    {func(r *api.Registration) { r.CustomerID = "" }, "customerId"},
		"no name":        {func(r *api.Registration) { r.Name = " " }, "userName"},
		"long name":      {func(r *api.Registration) { r.Name = strings.Repeat("가", 51) }, "userName"},
		"name with NUL":  {func(r *api.Registration) { r.Name = "가\x00나" }, "userName"},
		"short password": {func(r *api.Registration) { r.Password = "Short1!" }, "password"},
		"long password":  {func(r *api.Registration) { r.Password = strings.Repeat("a", 51) }, "password"},
		"bad line":       {func(r *api.Registration) { r.Line = "02-123-4567" }, "lineNumber"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			form := newcomerForm()
			test.change(&form)
			failure := anonymous(t).Register(form).Refused(t, http.StatusBadRequest, "VALIDATION_ERROR")
			if failure.Error.Details.FieldErrors[test.field] == "" {
				t.Errorf("%s: %s is missing in: %+v", name, test.field, failure)
			}
		})
	}
	anonymous(t).Login("x", "short").Refused(t, http.StatusBadRequest, "VALIDATION_ERROR")
}
