package httpserver

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"
)

// Origins are the allowed CORS origins, such as https://app.example.com. The zero
// value allows none.
type Origins []string

// preflightAge is how long browsers may cache a preflight response.
const preflightAge = 10 * time.Minute

// validate rejects wildcards and malformed origins, so that a typo cannot allow
// every origin.
func (o Origins) validate() error {
	for _, origin := range o {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(u.Host, "*") || !secureScheme(u) {
			return fmt.Errorf("CORS_ALLOWED_ORIGINS: %q must be like https://app.example.com", origin)
		}
	}
	return nil
}

// secureScheme allows http for the loopback address only.
func secureScheme(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// withCORS adds CORS headers for origins to next. Clients send a bearer token, so
// browser credentials such as cookies are not allowed.
func withCORS(origins Origins, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "Prefer", "Traceparent"},
		ExposedHeaders: []string{"Location", "Retry-After", "Preference-Applied", "Traceparent"},
		MaxAge:         int(preflightAge.Seconds()),
	}).Handler(next)
}
