package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// A read that is queued is 202 for clients that prefer an asynchronous response. The location
// is that of the read.
func TestQueuedReads(t *testing.T) {
	t.Parallel()
	queued := product.ErrInProgress.After(41 * time.Second).WithCause(&readthrough.QueuedError{
		Standing: readthrough.Standing{Ahead: 6, Estimate: 40100 * time.Millisecond},
	})
	for _, path := range []string{
		"/menu", "/customer", "/customer?lineNumber=01012345678", "/customer/010-1234-5678", "/available?operatorCode=KT",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			know := goodPlans()
			know.err = queued
			c := setup(t, &requests{}, know)
			got := c.do("GET", "/api/v1/products"+path, "")
			if got.status != http.StatusServiceUnavailable || got.code != "INQUIRY_IN_PROGRESS" || got.header.Get("Retry-After") != "41" {
				t.Errorf("without a preference: %+v", got)
			}
			c.header.Set("Prefer", "respond-async, wait=3")
			got = c.do("GET", "/api/v1/products"+path, "")
			want := map[string]any{"status": "PROCESSING", "queuePosition": 7.0, "estimatedSeconds": 41.0}
			if diff := cmp.Diff(want, got.data); diff != "" || got.status != http.StatusAccepted || got.header.Get("Location") != "/api/v1/products"+path ||
				got.header.Get("Retry-After") != "41" || got.header.Get("Preference-Applied") != "respond-async, wait=3" {
				t.Errorf("%+v (-want +got):\n%s", got, diff)
			}
			if wait := know.wait; !wait.Async || *wait.Limit != 3*time.Second {
				t.Errorf("waited %+v", wait)
			}
			know.err = nil
			if got := c.do("GET", "/api/v1/products"+path, ""); got.status != http.StatusOK || got.header.Get("Preference-Applied") != "wait=3" {
				t.Errorf("known: %+v", got)
			}
		})
	}
}

// TestLocationOfAQueuedReadIsCanonical although the request escapes what needs no escape.
func TestLocationOfAQueuedReadIsCanonical(t *testing.T) {
	t.Parallel()
	know := goodPlans()
	know.err = product.ErrInProgress.WithCause(&readthrough.QueuedError{})
	c := setup(t, &requests{}, know)
	c.header.Set("Prefer", "respond-async")
	got := c.do("GET", "/api/v1/%70roducts/customer?lineNumber=%301012345678", "")
	if want := "/api/v1/products/customer?lineNumber=%301012345678"; got.header.Get("Location") != want {
		t.Errorf("Location %q, want %q: %+v", got.header.Get("Location"), want, got)
	}
}
