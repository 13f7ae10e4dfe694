package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestProfilesAreOnTheLoopbackAddressOnly(t *testing.T) {
	t.Parallel()
	for addr, valid := range map[string]bool{
		"": true, "127.0.0.1:6060": true, "[::1]:6060": true, "127.0.0.1:0": true,
		"127.0.0.1": false, ":6060": false, "0.0.0.0:6060": false, "10.0.0.1:6060": false, "[::]:6060": false, "localhost:6060": false,
	} {
		cfg := telemetry.Config{PprofAddr: addr}
		if err := cfg.Validate(); (err == nil) != valid {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK, "/debug/pprof/symbol": http.StatusOK, "/": http.StatusNotFound,
	} {
		rec := httptest.NewRecorder()
		telemetry.Profiles().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		if rec.Code != want {
			t.Errorf("%s: got %d, want %d", path, rec.Code, want)
		}
	}
}
