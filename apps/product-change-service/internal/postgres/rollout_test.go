package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// older is a replica of the release before: it keeps changes in progress in
// running_change, in its own statements.
type older struct{ *world }

// accept stores a change as the release before does. It returns false if the line has
// one in progress.
func (o older) accept(c change.Change) bool {
	o.t.Helper()
	tag, err := o.db.Pool.Exec(o.t.Context(), `
		INSERT INTO running_change (line_number, request_id, requested_at, due_at)
		VALUES ($1, $2, $3, $3)
		ON CONFLICT (line_number) DO NOTHING`, c.Line.Digits(), c.RequestID, c.RequestedAt)
	expect.NoError(o.t, err)
	if tag.RowsAffected() == 0 {
		return false
	}
	_, err = o.db.Pool.Exec(o.t.Context(), `
		INSERT INTO change_request (request_id, requested_at, user_id, customer_id, line_number,
		    current_code, current_name, target_code, target_name, target_product)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, c.RequestID, c.RequestedAt, c.UserID, c.CustomerID, c.Line.Digits(),
		c.CurrentCode, c.CurrentName, c.Target.Code, c.Target.Name, c.Target)
	expect.NoError(o.t, err)
	return true
}

// finish ends a change as the release before does.
func (o older) finish(c change.Change) {
	o.t.Helper()
	for _, sql := range []string{
		`UPDATE change_request SET status = 'COMPLETED', result_code = '0000', processed_at = now() WHERE request_id = $1`,
		`DELETE FROM running_change WHERE request_id = $1`,
	} {
		_, err := o.db.Pool.Exec(o.t.Context(), sql, c.RequestID)
		expect.NoError(o.t, err)
	}
}

// TestReplicasOfTheReleaseBeforeShareTheWork has both releases accept and end changes.
func TestReplicasOfTheReleaseBeforeShareTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, now := older{w}, w.replica()

	theirs := asked(t, number(1))
	if !before.accept(theirs) {
		t.Fatal("not accepted")
	}
	if err := now.changes.Accept(t.Context(), asked(t, number(1)), change.Key{}, product.Version{}); !errors.Is(err, change.ErrInProgress) {
		t.Errorf("a second change of a line, by this release: %v", err)
	}
	ours := now.accepted(t, number(2))
	if before.accept(asked(t, number(2))) {
		t.Error("a second change of a line, by the release before")
	}

	now.start(t)
	w.final(1) // its own; the other is left to the release before
	if len(w.kos.orders) != 1 || w.kos.orders[0] != ours.RequestID {
		t.Errorf("ordered %v", w.kos.orders)
	}
	if n := w.count("SELECT count(*) FROM running_change"); n != 1 {
		t.Errorf("%d changes are in progress for the release before", n)
	}
	w.elapse(time.Minute) // its replicas are gone
	w.final(2)
	if n := w.kos.calls[theirs.RequestID]; n != 1 {
		t.Errorf("ordered %d times", n)
	}

	last := asked(t, number(1))
	if !before.accept(last) {
		t.Fatal("the line is not free")
	}
	before.finish(last)
	if n := w.count("SELECT (SELECT count(*) FROM kos_queue) + (SELECT count(*) FROM running_change)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}
