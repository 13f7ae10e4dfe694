package httpserver_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
)

// secureHeaders are those of OWASP's REST security cheat sheet.
var secureHeaders = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

func plain(r *mux.Router) {
	r.HandleFunc("/bill", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	r.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
	})
	r.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("at the disco") })
}

// of returns the headers of got that are in secureHeaders, identify the software
// or enable HSTS.
func of(got http.Header) http.Header {
	found := http.Header{}
	for name, values := range got {
		if _, ok := secureHeaders[name]; ok || name == "Server" || name == "X-Powered-By" || name == "Strict-Transport-Security" {
			found[name] = values
		}
	}
	return found
}

func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), plain)
	for _, path := range []string{
		"/bill", "/nowhere", "/panic", "/actuator/health", "/actuator/health/readiness", "/actuator/prometheus", "/openapi.yaml",
	} {
		if diff := cmp.Diff(secureHeaders, of(f.do(t, get(path)).Header())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if got := f.do(t, get("/keys")).Header().Values("Cache-Control"); !cmp.Equal(got, []string{"public, max-age=300"}) {
		t.Errorf("override of Cache-Control: %q", got)
	}
}

func TestHSTSIsSentWhenConfigured(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.HSTS = 365 * 24 * time.Hour
	got := setup(t, cfg, plain).do(t, get("/bill")).Header().Get("Strict-Transport-Security")
	if want := "max-age=31536000; includeSubDomains"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

const page = "https://app.example.com"

// from returns a request from an origin and its preflight request.
func from(origin, method string) (request, preflight *http.Request) {
	request = httptest.NewRequest(method, "/bill", nil)
	request.Header.Set("Origin", origin)
	preflight = httptest.NewRequest(http.MethodOptions, "/bill", nil)
	preflight.Header.Set("Origin", origin)
	preflight.Header.Set("Access-Control-Request-Method", method)
	preflight.Header.Set("Access-Control-Request-Headers", "authorization,content-type,idempotency-key,prefer")
	return request, preflight
}

func TestCORSAllowsConfiguredOriginsOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed            httpserver.Origins
		origin, method     string
		request, preflight bool // the request, the preflight
	}{
		"none configured": {nil, page, http.MethodPost, false, false},
		"allowed":         {httpserver.Origins{page}, page, http.MethodPost, true, true},
		"other origin":    {httpserver.Origins{page}, "https://evil.example.com", http.MethodPost, false, false},
		"same prefix":     {httpserver.Origins{page}, page + ".evil.com", http.MethodPost, false, false},
		"without TLS":     {httpserver.Origins{page}, "http://app.example.com", http.MethodPost, false, false},
		"null origin":     {httpserver.Origins{page}, "null", http.MethodPost, false, false},
		"unused method":   {httpserver.Origins{page}, page, http.MethodPatch, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := defaults()
			cfg.Origins = c.allowed
			f := setup(t, cfg, plain)
			request, preflight := from(c.origin, c.method)
			for kind, r := range map[string]*http.Request{"request": request, "preflight": preflight} {
				t.Run(kind, func(t *testing.T) {
					header := f.do(t, r).Header()
					want := ""
					if kind == "request" && c.request || kind == "preflight" && c.preflight {
						want = c.origin
					}
					if got := header.Get("Access-Control-Allow-Origin"); got != want {
						t.Errorf("%s: allowed %q, want %q", kind, got, want)
					}
					if header.Get("Access-Control-Allow-Credentials") != "" {
						t.Errorf("%s: browser credentials are allowed", kind)
					}
				})
			}
		})
	}
}

func TestOriginsAreValidated(t *testing.T) {
	t.Parallel()
	for origin, ok := range map[string]bool{
		page: true, "https://app.example.com:8443": true, "http://localhost:3000": true, "http://127.0.0.1:3000": true,
		"*": false, "https://*.example.com": false, "https://app.example.com/": false, "app.example.com": false,
		"http://app.example.com": false, "null": false, "https://": false,
	} {
		_, err := config.Load[httpserver.Config]([]string{"CORS_ALLOWED_ORIGINS=" + origin})
		if (err == nil) != ok {
			t.Errorf("%q: %v", origin, err)
		}
	}
	cfg, err := config.Load[httpserver.Config]([]string{"CORS_ALLOWED_ORIGINS=" + page + ",http://localhost:3000", "HTTP_HSTS_MAX_AGE=1h"})
	if diff := cmp.Diff(httpserver.Origins{page, "http://localhost:3000"}, cfg.Origins); err != nil || diff != "" || cfg.HSTS != time.Hour {
		t.Errorf("%v, %s (-want +got):\n%s", err, cfg.HSTS, diff)
	}
	if cfg, err := config.Load[httpserver.Config](nil); err != nil || len(cfg.Origins) > 0 || cfg.HSTS != 0 {
		t.Errorf("by default: %+v, %v", cfg, err)
	}
	if _, err := config.Load[httpserver.Config]([]string{"HTTP_HSTS_MAX_AGE=-1s"}); err == nil {
		t.Error("negative HTTP_HSTS_MAX_AGE is accepted")
	}
}
