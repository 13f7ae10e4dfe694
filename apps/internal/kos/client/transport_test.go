package client_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/config"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
)

type transportFunc func(r *http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAppIDPerEndpoint(t *testing.T) {
	t.Parallel()
	for appID, want := range map[string][]string{
		"kos-mock-service": {"kos-mock-service", "kos-mock-service"},
		"kos-{endpoint}":   {"kos-auth", "kos-bill-inquiry"},
		"{endpoint}-kos":   {"auth-kos", "bill-inquiry-kos"},
	} {
		var invoked []string
		cfg := kosclient.Config{AppID: appID}
		transport := cfg.Transport(func(appID string) http.RoundTripper {
			return transportFunc(func(*http.Request) (*http.Response, error) {
				invoked = append(invoked, appID)
				return nil, errors.New("no answer")
			})
		})
		for _, path := range []string{"/api/kos/auth", "/api/kos/bill-inquiry"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://kos"+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
		}
		if diff := cmp.Diff(want, invoked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", appID, diff)
		}
	}
}

func TestAppIDIsValidated(t *testing.T) {
	t.Parallel()
	for appID, valid := range map[string]bool{
		"kos-mock-service": true, "kos-{endpoint}": true, "kos-{path}": false, "kos/x": false, "{endpoint}{endpoint}": false, "KOS": false,
	} {
		_, err := config.Load[kosclient.Config]([]string{"KOS_CREDENTIALS_SECRET=s", "KOS_APP_ID=" + appID})
		if (err == nil) != valid {
			t.Errorf("%s: %v", appID, err)
		}
	}
}
