package portal_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
)

// formType is the Content-Type of forms.
const formType = "application/x-www-form-urlencoded"

// maxBody is the limit of a body in httpserver.Config.
const maxBody = 64 << 10

// badForms are bodies and headers that no form of a browser has. "TOKEN" stands for the form token.
var badForms = map[string]struct {
	status int
	body   string
	header http.Header
}{
	"bytes that are no text":     {http.StatusBadRequest, "TOKEN&password=PhoneBill%ff1!", nil},
	"bytes that are not escaped": {http.StatusBadRequest, "TOKEN&password=PhoneBill\xff1!", nil},
	"a surrogate":                {http.StatusBadRequest, "TOKEN&userName=%ed%a0%80", nil},
	"a name that is no text":     {http.StatusBadRequest, "TOKEN&%ff=1", nil},
	"a field twice":              {http.StatusBadRequest, "TOKEN&userId=testuser01&userId=testuser02", nil},
	"the token twice":            {http.StatusBadRequest, "TOKEN&TOKEN", nil},
	"a broken escape":            {http.StatusBadRequest, "TOKEN&userId=%zz", nil},
	"a semicolon":                {http.StatusBadRequest, "TOKEN;userId=testuser01", nil},
	"no type":                    {http.StatusUnsupportedMediaType, "TOKEN", http.Header{"Content-Type": nil}},
	"two types":                  {http.StatusUnsupportedMediaType, "TOKEN", http.Header{"Content-Type": {formType, formType}}},
	"JSON":                       {http.StatusUnsupportedMediaType, `{}`, http.Header{"Content-Type": {"application/json"}}},
	"files":                      {http.StatusUnsupportedMediaType, "--b--", http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}},
	"another charset":            {http.StatusUnsupportedMediaType, "TOKEN", http.Header{"Content-Type": {formType + "; charset=euc-kr"}}},
	"a content coding":           {http.StatusUnsupportedMediaType, "TOKEN", http.Header{"Content-Encoding": {"gzip"}}},
	"too much":                   {http.StatusRequestEntityTooLarge, "TOKEN&userId=" + strings.Repeat("a", maxBody), nil},
}

// TestEveryFormRefusesBadInput sends bad input to every form. No service is called: a byte that is
// no text would become U+FFFD in JSON, and two passwords of different bytes the same.
func TestEveryFormRefusesBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	token := url.Values{"form_token": {w.token(w.get("/"))}}.Encode()
	before := len(w.services.asked)
	for _, path := range w.routes(http.MethodPost, "/") {
		for what, bad := range badForms {
			header := http.Header{"Content-Type": {formType}}
			for name, values := range bad.header {
				header[name] = values
			}
			got := w.send(path, strings.ReplaceAll(bad.body, "TOKEN", token), header)
			if got.Code != bad.status || !strings.Contains(got.Body.String(), "요청을 처리할 수 없습니다") {
				t.Errorf("%s with %s: %d, want %d", path, what, got.Code, bad.status)
			}
			if accepts := got.Header().Get("Accept") + got.Header().Get("Accept-Encoding"); bad.status == http.StatusUnsupportedMediaType &&
				accepts != formType && accepts != "identity" {
				t.Errorf("%s with %s: the answer accepts %q", path, what, accepts)
			}
		}
	}
	if got := len(w.services.asked); got != before {
		t.Errorf("%d calls were made", got-before)
	}
}

// TestFormsOfBrowsersAreAccepted with and without a charset.
func TestFormsOfBrowsersAreAccepted(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{formType, formType + ";charset=UTF-8", "Application/X-WWW-Form-URLEncoded; charset=utf-8"} {
		w := newWorld(t)
		form := url.Values{"form_token": {w.token(w.get("/login"))}, "userId": {"testuser01"}, "password": {"비밀번호 1!&=;"}}
		got := w.send("/login", form.Encode(), http.Header{"Content-Type": {contentType}})
		_, bodies := w.services.calls(doLogin)
		if got.Code != http.StatusSeeOther || len(bodies) != 1 || !strings.Contains(bodies[0], `"password":"비밀번호 1!\u0026=;"`) {
			t.Errorf("%s: %d, calls %v", contentType, got.Code, bodies)
		}
	}
}

// send posts a body as it is, with the cookies of the browser.
func (w *world) send(path, body string, header http.Header) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, origin+path, strings.NewReader(body))
	r.Header = header
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	recorder := httptest.NewRecorder()
	http.MaxBytesHandler(w.handler, maxBody).ServeHTTP(recorder, r)
	return recorder
}

// TestMethodsOfEveryRoute asks every route for its methods, and calls it with one that it has not, as
// browsers and other clients do. HEAD is answered like GET.
func TestMethodsOfEveryRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	paths := map[string][]string{}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		paths[method] = w.routes(method, "/")
	}
	w.handler = httpserver.New(httpserver.Config{MaxInFlight: 64, MaxBody: maxBody, Drain: time.Second}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, nil, w.portal).Handler()
	for method, paths := range paths {
		for _, path := range paths {
			if strings.HasPrefix(path, "/assets/") {
				continue // their names have a hash
			}
			for _, accept := range []string{"text/html,*/*;q=0.8", "*/*"} {
				options := w.as(http.MethodOptions, path, accept)
				if allow := options.Header().Get("Allow"); options.Code != http.StatusNoContent || !strings.Contains(allow, method) || strings.Contains(allow, "PUT") {
					t.Errorf("OPTIONS %s of %s: %d, Allow %q", path, accept, options.Code, allow)
				}
				if got := w.as(http.MethodPut, path, accept); got.Code != http.StatusMethodNotAllowed {
					t.Errorf("PUT %s of %s: %d", path, accept, got.Code)
				}
				if get, head := w.as(http.MethodGet, path, accept), w.as(http.MethodHead, path, accept); get.Code != head.Code || head.Body.Len() > 0 {
					t.Errorf("GET %s of %s: %d, HEAD %d with %d bytes", path, accept, get.Code, head.Code, head.Body.Len())
				}
			}
		}
	}
}

// as sends a request of a client that accepts a type.
func (w *world) as(method, path, accept string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, origin+path, http.NoBody)
	r.Header.Set("Accept", accept)
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder
}
