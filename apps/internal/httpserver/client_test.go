package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
)

func TestClientAddrTrustsConfiguredProxiesOnly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		proxies, peer string
		forwarded     []string
		want          string
	}{
		"no proxy":                   {"", "198.51.100.7:4000", nil, "198.51.100.7"},
		"header without proxies":     {"", "198.51.100.7:4000", []string{"203.0.113.9"}, "198.51.100.7"},
		"header from untrusted peer": {"10.0.0.0/8", "198.51.100.7:4000", []string{"203.0.113.9"}, "198.51.100.7"},
		"one proxy":                  {"10.0.0.0/8", "10.1.2.3:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		"proxy without header":       {"10.0.0.0/8", "10.1.2.3:4000", nil, "10.1.2.3"},
		"forged entry":               {"10.0.0.0/8", "10.1.2.3:4000", []string{"192.0.2.1, 203.0.113.9"}, "203.0.113.9"},
		"two proxies":                {"10.0.0.0/8", "10.1.2.3:4000", []string{"192.0.2.1, 203.0.113.9, 10.9.9.9"}, "203.0.113.9"},
		"two headers":                {"10.0.0.0/8", "10.1.2.3:4000", []string{"192.0.2.1", "203.0.113.9, 10.9.9.9"}, "203.0.113.9"},
		"only proxies":               {"10.0.0.0/8", "10.1.2.3:4000", []string{"10.7.7.7,10.8.8.8"}, "10.7.7.7"},
		"malformed last entry":       {"10.0.0.0/8", "10.1.2.3:4000", []string{"203.0.113.9, unknown"}, "10.1.2.3"},
		"malformed first entry":      {"10.0.0.0/8", "10.1.2.3:4000", []string{"<script>, 10.9.9.9"}, "10.9.9.9"},
		"IPv4 with port":             {"10.0.0.0/8", "10.1.2.3:4000", []string{"203.0.113.9:55"}, "203.0.113.9"},
		"IPv6 with port":             {"10.0.0.0/8", "10.1.2.3:4000", []string{"[2001:db8::1]:55"}, "2001:db8::1"},
		"IPv6 proxy":                 {"127.0.0.0/8,::1/128", "[::1]:4000", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv4-mapped IPv6 proxy":     {"10.0.0.0/8", "[::ffff:10.1.2.3]:4000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"IPv6 zone":                  {"", "[fe80::1%eth0]:4000", nil, "fe80::1"},
		"peer without address":       {"", "@", nil, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := defaults()
			if tc.proxies != "" {
				if err := cfg.TrustedProxies.UnmarshalText([]byte(tc.proxies)); err != nil {
					t.Fatal(err)
				}
			}
			var got string
			f := setup(t, cfg, func(r *mux.Router) {
				r.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { got = httpserver.ClientAddr(r.Context()).String() })
			})
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tc.peer
			r.Header["X-Forwarded-For"] = tc.forwarded
			f.do(t, r)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTrustedProxiesAreParsed(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[httpserver.Config]([]string{"HTTP_TRUSTED_PROXIES=10.0.0.0/8, ::1/128"})
	if err != nil || len(cfg.TrustedProxies) != 2 {
		t.Errorf("got %v, %v", cfg.TrustedProxies, err)
	}
	if cfg, err := config.Load[httpserver.Config](nil); err != nil || cfg.TrustedProxies != nil {
		t.Errorf("by default: %v, %v", cfg.TrustedProxies, err)
	}
	if _, err := config.Load[httpserver.Config]([]string{"HTTP_TRUSTED_PROXIES=10.0.0.0"}); err == nil {
		t.Error("an address without a prefix length is accepted")
	}
}
