package browser

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse reads the claims of access tokens of any cookie.
func FuzzParse(f *testing.F) {
	f.Add(`{"sub":"testuser01","exp":1796002140,"lines":["01012345678"],"permissions":["ADMIN"]}`)
	f.Add(`{"sub":"x","exp":1e300,"lines":null}`)
	f.Add(`{"sub":"\ud800","exp":-1}`)
	f.Fuzz(func(t *testing.T, claims string) {
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
		session, _, ok := parse(token)
		if ok && (session.UserID == "" || session.Access != token) {
			t.Errorf("%q: %+v", claims, session)
		}
		if !utf8.ValidString(session.UserID + session.Line) {
			t.Errorf("%q: bytes that are no text in %+v", claims, session)
		}
	})
}

// FuzzLocalPath checks that a redirect to the result stays on the site, as browsers read it.
func FuzzLocalPath(f *testing.F) {
	for _, target := range []string{"/bills?month=2026-10", "//evil.example", `/\evil.example`, "/\t/evil.example", "/%zz", "/\xff"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		got := LocalPath(target, "/")
		// Browsers drop tabs and line ends, and take a backslash for a slash.
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got)
		if !strings.HasPrefix(read, "/") || strings.HasPrefix(read, "//") {
			t.Errorf("%q leads to %q", target, got)
		}
	})
}

// FuzzReadForm reads any body. What is accepted means the same to net/url.
func FuzzReadForm(f *testing.F) {
	f.Add("form_token=0&userId=testuser01&password=%EB%B9%84%EB%B0%80", formType)
	f.Add("a=1&a=2;b=%zz&%ff=\xff", formType+"; charset=utf-8")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		if ReadForm(httptest.NewRecorder(), r) != 0 {
			return
		}
		values, err := url.ParseQuery(body)
		if err != nil || len(values) != len(r.PostForm) {
			t.Fatalf("%q is accepted: %v, net/url reads %v, %v", body, r.PostForm, values, err)
		}
		for name := range values {
			if len(values[name]) > 1 || !utf8.ValidString(name+values.Get(name)) || values.Get(name) != r.PostForm.Get(name) {
				t.Errorf("%q: %q is accepted", body, name)
			}
		}
	})
}
