package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/web-portal/internal/text"
	"github.com/phonebill/phonebill/apps/web-portal/internal/upstream"
)

// TestCookiesBelongToTheHostWithTLS so that neither the network nor another host of the domain can
// set them.
func TestCookiesBelongToTheHostWithTLS(t *testing.T) {
	t.Parallel()
	cookies := Cookies{Secure: true}
	w := httptest.NewRecorder()
	NewSessions(cookies, nil, time.Now).Open(w, upstream.Tokens{Access: "a", Refresh: "r"}, true)
	cookies.RotateFormToken(w)
	cookies.SetLanguage(w, text.English)
	set := w.Result().Cookies()
	if len(set) != 5 {
		t.Errorf("cookies: %v", set)
	}
	for _, cookie := range set {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly ||
			cookie.SameSite != http.SameSiteStrictMode || cookie.Domain != "" || cookie.Path != "/" {
			t.Errorf("%+v", cookie)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.AddCookie(&http.Cookie{Name: "access", Value: "planted"})
	if got := cookies.get(r, accessCookie); got != "" {
		t.Errorf("the portal reads a cookie of another host: %q", got)
	}
}
