package identitytest

import (
	"context"
	"slices"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// directoryChecks are the checks of RunStore for identity.Directory.
func directoryChecks() map[string]func(storeChecks) {
	return map[string]func(storeChecks){
		"users are listed by id, page by page": storeChecks.usersAreListed,
		"users are found by prefix":            storeChecks.usersAreFound,
		"an update sees the state of the user": storeChecks.updateSeesUserState,
		"an update is stored":                  storeChecks.updateIsStored,
		"a failed update changes nothing":      storeChecks.failedUpdateChangesNothing,
		"a suspended user has no sessions":     storeChecks.suspendedHasNoSessions,
		"the last administrator is recognized": storeChecks.lastAdministratorIsRecognized,
		"an unknown user is not updated":       storeChecks.unknownUserIsNotUpdated,
	}
}

// createThree creates kim, lee and the administrator root.
func (c storeChecks) createThree() {
	c.t.Helper()
	c.create(Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"), Administrator("root"))
}

func (c storeChecks) list(f identity.UserFilter) (ids []string, total int) {
	c.t.Helper()
	page, err := c.store.Members(c.t.Context(), f, c.clock.Now())
	wantError(c.t, err, nil)
	ids = []string{}
	for _, member := range page.Members {
		ids = append(ids, member.ID)
	}
	return ids, page.Total
}

func (c storeChecks) usersAreListed() {
	c.createThree()
	ids, total := c.list(identity.UserFilter{Page: 1, Size: 2})
	same(c.t, nil, ids, []string{"kim", "lee"})
	same(c.t, nil, total, 3)
	ids, total = c.list(identity.UserFilter{Page: 2, Size: 2})
	same(c.t, nil, ids, []string{"root"})
	same(c.t, nil, total, 3)
	ids, _ = c.list(identity.UserFilter{Page: 3, Size: 2})
	same(c.t, nil, ids, []string{})

	page, err := c.store.Members(c.t.Context(), identity.UserFilter{Page: 1, Size: 1}, c.clock.Now())
	same(c.t, err, page.Members, []identity.Member{{User: Customer("kim", "CUST1", "01011112222").User}})
	member, err := c.store.Member(c.t.Context(), "kim", c.clock.Now())
	same(c.t, err, member, page.Members[0])
	_, err = c.store.Member(c.t.Context(), "absent", c.clock.Now())
	wantError(c.t, err, identity.ErrUserNotFound)
}

func (c storeChecks) usersAreFound() {
	c.createThree()
	c.create(Customer("kim_2", "cust3", "01055556666"), Customer("kimX2", "CUST4", "01077778888"))
	c.update(identity.Act{Action: identity.ActionSuspend, UserID: "lee"}, func(u *identity.User) { u.Status = identity.StatusSuspended })
	for _, tc := range []struct {
		query  string
		status identity.Status
		want   []string
	}{
		{"kim", "", []string{"kim", "kimX2", "kim_2"}},
		{"kim_", "", []string{"kim_2"}}, // the underscore is no wildcard
		{"KIM", "", []string{"kim", "kimX2", "kim_2"}},
		{"kimx", "", []string{"kimX2"}},
		{"cust1", "", []string{}},
		{"CUST", "", []string{"kim", "kimX2", "lee"}},
		{"CUST1", "", []string{"kim"}},
		{"010-1111", "", []string{"kim"}},
		{"01033334444", "", []string{"lee"}},
		{"010333344440", "", []string{}},
		{"-", "", []string{}},
		{"", identity.StatusSuspended, []string{"lee"}},
		{"kim", identity.StatusSuspended, []string{}},
		{"", identity.StatusLocked, []string{}},
		{"lee", identity.StatusActive, []string{}},
	} {
		got, _ := c.list(identity.UserFilter{Query: tc.query, Status: tc.status, Page: 1, Size: 10})
		if !slices.Equal(got, tc.want) {
			c.t.Errorf("%q %s finds %v, want %v", tc.query, tc.status, got, tc.want)
		}
	}
}

// update applies change to the user of act, as administrator root.
func (c storeChecks) update(act identity.Act, change func(u *identity.User)) identity.Member {
	c.t.Helper()
	act.By.UserID = "root"
	member, err := c.store.UpdateUser(c.t.Context(), act, c.clock.Now(), func(_ context.Context, s identity.UserState) (identity.User, error) {
		change(&s.User)
		return s.User, nil
	})
	wantError(c.t, err, nil)
	return member
}

func (c storeChecks) updateSeesUserState() {
	c.createThree()
	c.open(session("s1", "kim"), session("s2", "kim"), session("s3", "lee"))
	wantError(c.t, c.store.WithUserLock(c.t.Context(), "kim", func(_ context.Context, s identity.UserState) error {
		slices.Sort(s.Sessions)
		same(c.t, nil, s, identity.UserState{User: Customer("kim", "CUST1", "01011112222").User, Sessions: []string{"s1", "s2"}})
		return nil
	}), nil)
}

func (c storeChecks) updateIsStored() {
	c.createThree()
	c.open(session("s1", "kim"))
	want := Customer("kim", "CUST1", "01011112222").User
	for range 2 { // the second time nothing changes
		want.Permissions = []string{identity.PermissionBillInquiry}
		got := c.update(identity.Act{Action: identity.ActionRevoke, UserID: "kim", Permission: identity.PermissionProductChange},
			func(u *identity.User) { u.Permissions = want.Permissions })
		same(c.t, nil, got, identity.Member{User: want})
	}
	for range 2 {
		want.Permissions = []string{identity.PermissionBillInquiry, identity.PermissionProductChange}
		got := c.update(identity.Act{Action: identity.ActionGrant, UserID: "kim", Permission: identity.PermissionProductChange},
			func(u *identity.User) { u.Permissions = want.Permissions })
		same(c.t, nil, got, identity.Member{User: want})
	}
	user, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	same(c.t, err, user, want)
}

func (c storeChecks) failedUpdateChangesNothing() {
	c.createThree()
	act := identity.Act{Action: identity.ActionSuspend, UserID: "kim"}
	_, err := c.store.UpdateUser(c.t.Context(), act, c.clock.Now(), func(_ context.Context, s identity.UserState) (identity.User, error) {
		s.User.Status = identity.StatusSuspended
		return s.User, identity.ErrSessionStore
	})
	wantError(c.t, err, identity.ErrSessionStore)
	wantError(c.t, c.store.WithUserLock(c.t.Context(), "kim", func(context.Context, identity.UserState) error { return identity.ErrSessionStore }), identity.ErrSessionStore)
	user, err := c.store.User(c.t.Context(), "kim")
	same(c.t, err, user, Customer("kim", "CUST1", "01011112222").User)
}

func (c storeChecks) suspendedHasNoSessions() {
	c.createThree()
	c.open(session("s1", "kim"), session("s2", "lee"))
	c.update(identity.Act{Action: identity.ActionSuspend, UserID: "kim"}, func(u *identity.User) { u.Status = identity.StatusSuspended })
	_, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	wantError(c.t, err, identity.ErrUserNotFound)
	_, err = c.store.Extend(c.t.Context(), "s2", c.hour())
	wantError(c.t, err, nil)
	wantError(c.t, c.store.Open(c.t.Context(), session("s3", "kim"), HashOf(Password), c.hour()), identity.ErrCredentials)
	c.update(identity.Act{Action: identity.ActionReinstate, UserID: "kim"}, func(u *identity.User) { u.Status = identity.StatusActive })
	c.open(session("s4", "kim"))
}

func (c storeChecks) lastAdministratorIsRecognized() {
	c.createThree()
	last := func(id string) (last bool) {
		wantError(c.t, c.store.WithUserLock(c.t.Context(), id, func(_ context.Context, s identity.UserState) error {
			last = s.LastAdministrator
			return nil
		}), nil)
		return last
	}
	same(c.t, nil, last("root"), true)
	c.create(Administrator("root2"))
	same(c.t, nil, last("root"), false)
	c.update(identity.Act{Action: identity.ActionSuspend, UserID: "root2"}, func(u *identity.User) { u.Status = identity.StatusSuspended })
	same(c.t, nil, last("root"), true)
}

func (c storeChecks) idIsFoundInAnyCase() {
	want := Customer("Kim_1", "CUST1", "01011112222")
	c.create(want, Administrator("root"))
	for _, id := range []string{"Kim_1", "kim_1", "KIM_1"} {
		account, err := c.store.Account(c.t.Context(), id)
		same(c.t, err, account, want)
		user, err := c.store.User(c.t.Context(), id)
		same(c.t, err, user, want.User)
		member, err := c.store.Member(c.t.Context(), id, c.clock.Now())
		same(c.t, err, member, identity.Member{User: want.User})
	}
	for _, id := range []string{"kim-1", "\u212aim_1"} { // the Kelvin sign
		_, err := c.store.User(c.t.Context(), id)
		wantError(c.t, err, identity.ErrUserNotFound)
	}
	c.countAttempts("Kim_1", 1, 2, 3, 4, 5)
	c.open(session("s1", "Kim_1"))
	unlocked := c.update(identity.Act{Action: identity.ActionUnlock, UserID: "kIM_1"}, func(*identity.User) {})
	same(c.t, nil, unlocked, identity.Member{User: want.User})
	c.countAttempts("Kim_1", 1)
	wantError(c.t, c.store.WithUserLock(c.t.Context(), "KIM_1", func(_ context.Context, s identity.UserState) error {
		same(c.t, nil, s, identity.UserState{User: want.User, Sessions: []string{"s1"}})
		return nil
	}), nil)
	c.update(identity.Act{Action: identity.ActionSuspend, UserID: "kim_1"}, func(u *identity.User) { u.Status = identity.StatusSuspended })
	_, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	wantError(c.t, err, identity.ErrUserNotFound)
}

func (c storeChecks) idInAnotherCaseIsTaken() {
	c.create(Customer("Kim", "CUST1", "01011112222"))
	for _, id := range []string{"Kim", "kim", "KIM"} {
		account := Customer(id, "CUST2", "01033334444")
		wantError(c.t, c.store.Available(c.t.Context(), account.User), identity.ErrUserIDTaken)
		wantError(c.t, c.store.Create(c.t.Context(), account), identity.ErrUserIDTaken)
	}
}

func (c storeChecks) unknownUserIsNotUpdated() {
	_, err := c.store.UpdateUser(c.t.Context(), identity.Act{UserID: "absent"}, c.clock.Now(), nil)
	wantError(c.t, err, identity.ErrUserNotFound)
	wantError(c.t, c.store.WithUserLock(c.t.Context(), "absent", nil), identity.ErrUserNotFound)
}
