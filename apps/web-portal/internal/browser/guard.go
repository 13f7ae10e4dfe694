package browser

import (
	"fmt"
	"maps"
	"net/http"
)

// PageHeaders are the headers of a page: it loads only files of this site, sends forms
// only to this site, and is in no frame.
var PageHeaders = http.Header{
	"Cache-Control": {"no-store"},
	"Content-Security-Policy": {"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	"Content-Type":                 {"text/html; charset=utf-8"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Embedder-Policy": {"require-corp"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
	// Not no-referrer: browsers would send "Origin: null" with a form.
	"Referrer-Policy":        {"same-origin"},
	"X-Content-Type-Options": {"nosniff"},
	"X-Frame-Options":        {"DENY"},
}

// WritePageHeaders sets PageHeaders.
func WritePageHeaders(w http.ResponseWriter) { maps.Copy(w.Header(), PageHeaders) }

// NewProtection returns the protection of forms against other sites. The portal sees the
// ingress's Host, so browsers without Fetch metadata are compared with the public origin.
func NewProtection(origin string) (*http.CrossOriginProtection, error) {
	protection := http.NewCrossOriginProtection()
	if origin != "" {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("PORTAL_ORIGIN: %w", err)
		}
	}
	return protection, nil
}
