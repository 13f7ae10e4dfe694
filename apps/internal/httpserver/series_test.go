package httpserver_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A client may send anything: the number of series depends on the routes alone.
func TestClientsCannotAddSeries(t *testing.T) {
	t.Parallel()
	f := setup(t, defaults(), api)
	attack := func(from, to int) int {
		for i := from; i < to; i++ {
			for _, target := range []string{"/api/v1/users/%d", "/api/v1/users/7?q%d=1", "/%d", "/api/v1/%d/..", "/actuator/%d"} {
				for _, method := range []string{"GET", "POST", "OPTIONS", fmt.Sprintf("M%d", i)} {
					f.do(t, httptest.NewRequest(method, fmt.Sprintf(target, i), nil))
				}
			}
		}
		series, err := testutil.GatherAndCount(f.registry)
		if err != nil {
			t.Fatal(err)
		}
		return series
	}
	if first, then := attack(0, 1), attack(1, 100); first != then {
		t.Errorf("%d series after one round, %d after a hundred", first, then)
	}
}
