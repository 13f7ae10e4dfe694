package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/httpserver"
)

// FuzzForwardedFor checks that no X-Forwarded-For of a client can replace the
// address that the trusted proxy appends.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "203.0.113.9", "10.1.1.1", "10.1.1.1, 10.2.2.2", "unknown", "203.0.113.9:55", "[2001:db8::1]:55", ",,,", "::ffff:10.1.1.1", "10.1.1.1%eth0",
		"198.51.100.7", "\x00", "10.1.1.1,", ", 10.1.1.1",
	} {
		f.Add(seed)
	}
	peer := netip.MustParseAddr("198.51.100.7")
	cfg := defaults()
	if err := cfg.TrustedProxies.UnmarshalText([]byte("10.0.0.0/8")); err != nil {
		f.Fatal(err)
	}
	var got netip.Addr
	served := setup(f, cfg, func(r *mux.Router) {
		r.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { got = httpserver.ClientAddr(r.Context()) })
	})
	f.Fuzz(func(t *testing.T, claimed string) {
		for _, header := range [][]string{{claimed + ", 198.51.100.7"}, {claimed, "198.51.100.7"}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = "10.1.2.3:4000", header
			served.do(t, r)
			if got != peer {
				t.Errorf("%q: client is %s, want %s", claimed, got, peer)
			}
		}
	})
}
