package seed_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/seed"
)

// users is a seed.Users in memory.
type users map[string]identity.Account

// Import implements seed.Users.
func (u users) Import(_ context.Context, accounts []identity.Account) (created int, err error) {
	for _, account := range accounts {
		if _, taken := u[account.ID]; !taken {
			u[account.ID] = account
			created++
		}
	}
	return created, nil
}

func TestRunCreatesMissingUsers(t *testing.T) {
	t.Parallel()
	hasher := &identitytest.Passwords{}
	store := users{}
	for _, c := range []struct {
		n        int
		want     seed.Report
		progress []int
	}{
		{0, seed.Report{Demo: seed.Count{Added: 6}}, nil},
		{0, seed.Report{Demo: seed.Count{Present: 6}}, nil},
		{3, seed.Report{Demo: seed.Count{Present: 6}, Load: seed.Count{Added: 3}}, []int{3}},
		{10_001, seed.Report{Demo: seed.Count{Present: 6}, Load: seed.Count{Added: 9_998, Present: 3}}, []int{5_000, 10_000, 10_001}},
		{10_001, seed.Report{Demo: seed.Count{Present: 6}, Load: seed.Count{Present: 10_001}}, []int{5_000, 10_000, 10_001}},
	} {
		var progress []int
		report, err := seed.Run(t.Context(), store, hasher, c.n, func(done int) { progress = append(progress, done) })
		if err != nil || report != c.want {
			t.Fatalf("Run with %d users did %+v, %v, want %+v", c.n, report, err, c.want)
		}
		if diff := cmp.Diff(c.progress, progress); diff != "" {
			t.Errorf("Run with %d users (-want +got):\n%s", c.n, diff)
		}
	}
	for _, n := range []int{-1, 10_000_000} {
		if _, err := seed.Run(t.Context(), store, hasher, n, func(int) {}); err == nil {
			t.Errorf("Run with %d users succeeded", n)
		}
	}

	both := []string{identity.PermissionBillInquiry, identity.PermissionProductChange}
	for _, want := range []identity.User{
		{ID: "testuser01", Name: "홍길동", CustomerID: "CUST001", Line: "01012345678", Status: identity.StatusActive, Permissions: both},
		{ID: "testuser02", Name: "김영희", CustomerID: "CUST002", Line: "01087654321", Status: identity.StatusActive, Permissions: both[:1]},
		{ID: "testuser05", Name: "최지우", CustomerID: "CUST005", Line: "01000000000", Status: identity.StatusActive, Permissions: both},
		{ID: "admin01", Name: "관리자", Status: identity.StatusActive, Permissions: []string{identity.PermissionAdmin}},
		{ID: "loaduser0000001", Name: "부하시험0000001", CustomerID: "POP0000001", Line: "01030000001", Status: identity.StatusActive, Permissions: both},
		{ID: "loaduser0010001", Name: "부하시험0010001", CustomerID: "POP0010001", Line: "01030010001", Status: identity.StatusActive, Permissions: both},
	} {
		got := store[want.ID]
		if diff := cmp.Diff(want, got.User); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.ID, diff)
		}
		if got.PasswordHash != identitytest.HashOf(seed.Password) {
			t.Errorf("%s has another password", want.ID)
		}
	}
}
