package httpserver

import (
	"fmt"
	"maps"
	"net/http"
	"time"
)

// withSecurityHeaders sets securityHeaders on every response. A route may override them, for
// instance to make a public response cacheable.
func withSecurityHeaders(hsts time.Duration, next http.Handler) http.Handler {
	headers := securityHeaders(hsts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers)
		next.ServeHTTP(w, r)
	})
}

// securityHeaders returns headers that restrict browsers as far as possible: no
// response is a page.
func securityHeaders(hsts time.Duration) http.Header {
	headers := http.Header{
		"Cache-Control":                {"no-store"}, // nearly all responses hold personal data
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"}, // for browsers without frame-ancestors
	}
	if hsts > 0 {
		headers.Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d; includeSubDomains", hsts/time.Second))
	}
	return headers
}
