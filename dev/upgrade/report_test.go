package upgrade

import (
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// TestCheckOrders compares two changes of one line, of two roll-outs, with the orders of KOS.
func TestCheckOrders(t *testing.T) {
	t.Parallel()
	first := kos.Order{RequestID: "id-1", Line: "line", Current: "A", Target: "B", ResultCode: kos.OK}
	second := kos.Order{RequestID: "id-2", Line: "line", Current: "B", Target: "C", ResultCode: kos.OK}
	refused := kos.Order{RequestID: "id-2", Line: "line", Current: "B", Target: "C", ResultCode: "2099"}
	change := work{customer: &customer{line: "line"}, requestID: "id-2", current: "B", target: "C"}
	for name, tc := range map[string]struct {
		changes []work
		orders  []kos.Order
		left    state
		fault   string // "" for none
	}{
		"healthy":        {[]work{change}, []kos.Order{first, second}, state{}, ""},
		"lost":           {[]work{change}, []kos.Order{first}, state{}, "request id-2 was applied 0 times"},
		"doubled":        {[]work{change}, []kos.Order{first, second, second}, state{}, "request id-2 was applied 2 times"},
		"accepted twice": {[]work{change, change}, []kos.Order{first, second}, state{}, "request id-2 was accepted twice"},
		"refused":        {[]work{change}, []kos.Order{first, refused}, state{}, "KOS has refused request id-2 with 2099"},
		"out of order":   {[]work{change}, []kos.Order{second, first}, state{}, "request id-1 was applied out of order"},
		"left":           {[]work{change}, []kos.Order{first, second}, state{queuedFetches: 1}, "not ended: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := Report{Left: tc.left}
			report.checkOrders(tc.changes, tc.orders)
			found := strings.Join(report.Faults, "; ")
			if (found == "") != (tc.fault == "") || !strings.Contains(found, tc.fault) {
				t.Errorf("faults %q, want %q", found, tc.fault)
			}
		})
	}
}
