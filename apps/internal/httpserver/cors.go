package httpserver

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"
)

// Origins are the web pages that may call us from a browser, each exactly as a
// browser names it: https://app.example.com. The zero value lets none.
type Origins []string

// preflightAge is how long a browser may remember what it may send.
const preflightAge = 10 * time.Minute

// validate refuses patterns, and what is no origin: a list that lets everybody
// in must not come about by a slip.
func (o Origins) validate() error {
	for _, origin := range o {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.Contains(u.Host, "*") || !secureScheme(u) {
			return fmt.Errorf("CORS_ALLOWED_ORIGINS: %q must be like https://app.example.com", origin)
		}
	}
	return nil
}

// secureScheme allows clear text on the developer's own machine only.
func secureScheme(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// allow lets pages of origins call next. They send a token that they hold
// themselves: cookies and other credentials of the browser's are not asked for.
func allow(origins Origins, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "Prefer", "Traceparent"},
		ExposedHeaders: []string{"Location", "Retry-After", "Preference-Applied"},
		MaxAge:         int(preflightAge.Seconds()),
	}).Handler(next)
}
