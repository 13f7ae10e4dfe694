package httpserver

import (
	"fmt"
	"maps"
	"net/http"
	"time"
)

// secure adds securityHeaders to every answer. A route may set one otherwise, such
// as the caching of what is public.
func secure(hsts time.Duration, next http.Handler) http.Handler {
	headers := securityHeaders(hsts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers)
		next.ServeHTTP(w, r)
	})
}

// securityHeaders tell browsers what they may do with an answer, which is little:
// none is a page.
func securityHeaders(hsts time.Duration) http.Header {
	headers := http.Header{
		"Cache-Control":                {"no-store"}, // nearly all of it is personal
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"}, // for browsers that know no frame-ancestors
	}
	if hsts > 0 {
		headers.Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d; includeSubDomains", hsts/time.Second))
	}
	return headers
}
