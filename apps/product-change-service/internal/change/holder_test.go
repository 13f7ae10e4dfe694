package change_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// TestTheHolderIsCheckedBeforeAnOrder has a change wait while its line may move.
func TestTheHolderIsCheckedBeforeAnOrder(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		waited   time.Duration
		says     error // KOS, of the holder
		asked    bool  // there may be an order already
		askedAgo time.Duration
		statuses []answer

		want   []string // that KOS is asked
		status change.Status
		code   string
		rests  bool
	}{
		"just accepted":                 {waited: time.Second, says: product.ErrLineMoved, want: []string{"order"}, status: change.Completed, code: change.OK},
		"still the customer's":          {waited: time.Minute, want: []string{"order"}, status: change.Completed, code: change.OK},
		"another customer's":            {waited: time.Minute, says: product.ErrLineMoved, status: change.Failed, code: "LINE_MOVED"},
		"nobody's":                      {waited: time.Minute, says: product.ErrUnknownLine, want: []string{"order"}, status: change.Completed, code: change.OK},
		"not known":                     {waited: time.Minute, says: product.ErrUnavailable, rests: true},
		"carried out before it moved":   {waited: time.Minute, says: product.ErrLineMoved, asked: true, askedAgo: time.Minute, statuses: []answer{done}, want: []string{"status"}, status: change.Completed, code: change.OK},
		"may still be carried out":      {waited: time.Minute, says: product.ErrLineMoved, asked: true, askedAgo: time.Minute, statuses: []answer{notFound, notFound}, want: []string{"status", "status"}, rests: true},
		"was not carried out, and will": {waited: time.Hour, says: product.ErrLineMoved, asked: true, askedAgo: 10 * time.Minute, statuses: []answer{notFound, notFound}, want: []string{"status", "status"}, status: change.Failed, code: "LINE_MOVED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.place().RequestedAt = w.now.Add(-test.waited)
			w.place().Asked = test.asked
			if test.asked {
				w.place().AskedAt = w.now.Add(-test.askedAgo)
			}
			w.caches.holds = test.says
			w.carrier.orders, w.carrier.statuses = []answer{done}, test.statuses
			rest, err := w.Process(t.Context(), id)
			if err != nil || (rest > 0) != test.rests {
				t.Errorf("rests for %s, %v", rest, err)
			}
			if diff := cmp.Diff(test.want, w.carrier.asked); diff != "" {
				t.Errorf("asked of KOS: %s", diff)
			}
			if got := w.place(); !test.rests && (got.Status != test.status || got.ResultCode != test.code) {
				t.Errorf("ended %s %s", got.Status, got.ResultCode)
			}
		})
	}
}
