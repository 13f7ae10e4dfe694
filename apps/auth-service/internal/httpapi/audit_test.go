package httpapi_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestAuditTrailIsRead(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	expect.Equal(t, w.get("/api/v1/auth/audit", root).body, map[string]any{"events": []any{}, "next": nil})

	noon := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for n := range 3 {
		w.trail.List = append(w.trail.List, audit.Event{
			ID: uuid.MustParse(fmt.Sprintf("0199f5d4-7b3a-7c6e-8a55-00000000000%d", n)), At: noon, Actor: "root", SessionID: "s1",
			Action: "PERMISSION_REVOKE", Target: "kim", Detail: "PRODUCT_CHANGE", Outcome: audit.Done, TraceID: "t1", Address: "192.0.2.1",
		})
	}
	a := w.get("/api/v1/auth/audit?size=2", root)
	events, _ := a.body["events"].([]any)
	expect.Equal(t, len(events), 2)
	expect.Equal(t, events[0], any(map[string]any{
		"event_id": "0199f5d4-7b3a-7c6e-8a55-000000000000", "at": "2026-11-22T12:00:00+09:00", "actor": "root", "session_id": "s1",
		"action": "PERMISSION_REVOKE", "target": "kim", "detail": "PRODUCT_CHANGE", "outcome": "DONE", "trace_id": "t1", "address": "192.0.2.1",
	}))
	next, _ := a.body["next"].(string)
	expect.Equal(t, next, audit.CursorOf(w.trail.List[1]).String())
	expect.Equal(t, w.get("/api/v1/auth/audit?size=3&before="+next, root).body["next"], nil)
	expect.Equal(t, w.trail.Filter.Before.String(), next)
}

func TestAuditTrailIsFiltered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	w.get("/api/v1/auth/audit?actor=kim&target=lee&action=GET+%2Fapi%2Fv1%2Fusers&outcome=DENIED&startDate=2026-11-01&endDate=2026-11-02&size=5", root)
	want := audit.Filter{
		Actor: "kim", Target: "lee", Action: "GET /api/v1/users", Outcome: audit.Denied, Size: 6,
		From: time.Date(2026, 10, 31, 15, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 2, 15, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff(want, w.trail.Filter, cmpopts.IgnoreUnexported(audit.Cursor{})); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
	for field, query := range map[string]string{
		"actor": "actor=%00", "target": "target=%EA%B9%80", "outcome": "outcome=NONE", "startDate": "startDate=today",
		"before": "before=yesterday", "size": "size=101",
	} {
		a := w.get("/api/v1/auth/audit?"+query, root)
		a.want(t, 400, "VALIDATION_ERROR")
		expect.Equal(t, a.fields(), []string{field})
	}
}
