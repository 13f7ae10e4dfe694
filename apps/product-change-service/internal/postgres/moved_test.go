package postgres_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// TestAChangeOfAMovedLineIsAudited ends changes of two lines twice each. One of the lines has
// moved.
func TestAChangeOfAMovedLineIsAudited(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	moved, other := s.accepted(t, number(1)), s.accepted(t, number(2))
	end := change.Outcome{
		Status: change.Failed, At: time.Now(),
		ResultCode: product.ErrLineMoved.Code, ResultMessage: product.ErrLineMoved.Message,
	}
	for _, first := range []bool{true, false} {
		if done, err := s.end(t.Context(), moved, end); err != nil || done != first {
			t.Fatalf("ended: %t, %v, want %t", done, err, first)
		}
	}
	s.finish(t, other, change.Failed)
	if got := s.load(t, moved); got.Status != change.Failed || got.ResultCode != "LINE_MOVED" {
		t.Errorf("the change ended %s %s", got.Status, got.ResultCode)
	}
	recorded := s.count(t, `
		SELECT count(*) FROM audit_event
		WHERE actor = $1 AND action = $2 AND target = $3 AND detail = 'LINE_MOVED' AND outcome = 'DENIED'`,
		moved.UserID, "process change "+moved.RequestID, moved.Line.Masked())
	if all := s.count(t, "SELECT count(*) FROM audit_event"); recorded != 1 || all != 1 {
		t.Errorf("%d of %d events are about the change", recorded, all)
	}
}
