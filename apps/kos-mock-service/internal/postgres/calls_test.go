package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func pgtestPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return pgtest.New(t, postgres.Migrations()).Pool
}

func TestCallsAreCountedByAnswer(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	var answers []behavior.Answer
	add := func(call behavior.Call, status int, code string) {
		id := admit(t, store, call).CallID
		if status != 0 {
			answers = append(answers, behavior.Answer{CallID: id, CalledAt: call.At, Status: status, ResultCode: code})
		}
	}
	bill := billCall(noon, 0)
	bill.RequestID, bill.Line = "request-1", "line-a"
	add(bill, 200, "0000")
	add(bill, 200, "0000")
	bill.RequestID, bill.Line = "request-2", "line-b"
	add(bill, 503, "9503")
	bill.At = noon.Add(time.Second)
	add(bill, 0, "")
	add(behavior.Call{Endpoint: behavior.Auth, Client: "auth-service", At: noon}, 200, "0000")
	for range 2 { // writing twice is allowed
		if err := store.WriteAnswers(t.Context(), answers); err != nil {
			t.Fatal(err)
		}
	}

	tests := map[string]struct {
		filter behavior.CallFilter
		want   []string
	}{
		"all":      {behavior.CallFilter{}, []string{"0 x1", "200 0000 x3", "503 9503 x1"}},
		"endpoint": {behavior.CallFilter{Endpoint: behavior.Auth}, []string{"200 0000 x1"}},
		"client":   {behavior.CallFilter{Client: "bill-inquiry-service"}, []string{"0 x1", "200 0000 x2", "503 9503 x1"}},
		"request":  {behavior.CallFilter{RequestID: "request-1"}, []string{"200 0000 x2"}},
		"line":     {behavior.CallFilter{Line: "line-b"}, []string{"0 x1", "503 9503 x1"}},
		"since":    {behavior.CallFilter{Since: noon.Add(time.Second)}, []string{"0 x1"}},
		"none":     {behavior.CallFilter{Client: "billing"}, []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counts, err := store.CountCalls(t.Context(), tc.filter)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, count := range counts {
				got = append(got, strings.Join(strings.Fields(fmt.Sprintf("%d %s x%d", count.Status, count.ResultCode, count.Calls)), " "))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCallsHavePartitions(t *testing.T) {
	t.Parallel()
	pool := pgtestPool(t)
	if err := postgres.Calls.Maintain(t.Context(), pool, noon); err != nil {
		t.Fatal(err)
	}
	store := postgres.New(pool, time.Now)
	id := admit(t, store, billCall(noon, 0)).CallID
	if err := store.WriteAnswers(t.Context(), []behavior.Answer{{CallID: id, CalledAt: noon, Status: 200, ResultCode: "0000"}}); err != nil {
		t.Fatal(err)
	}
	var partition string
	var status int
	err := pool.QueryRow(t.Context(), `SELECT tableoid::regclass::text, status FROM kos_call`).Scan(&partition, &status)
	if err != nil || partition != "kos_call_202601" || status != 200 {
		t.Errorf("call is in %s with status %d, %v", partition, status, err)
	}
}
