package identitytest

import (
	"context"
	"errors"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// CreateHolder implements identity.Users.
func (m *Memory) CreateHolder(_ context.Context, a identity.Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.available(a.User); err != nil && !errors.Is(err, identity.ErrLineTaken) {
		return err
	}
	for id, other := range m.accounts {
		if other.Line == a.Line {
			m.moved[id] = true
		}
	}
	m.accounts[a.ID] = a
	return nil
}

// moveChecks are the checks of RunStore for moved lines.
func moveChecks() map[string]func(storeChecks) {
	return map[string]func(storeChecks){
		"a moved line belongs to its new account": storeChecks.movedLineIsTheHolders,
		"a refused account moves no line":         storeChecks.refusedHolderMovesNothing,
		"a line moves more than once":             storeChecks.lineMovesAgain,
		"a free line needs no move":               storeChecks.freeLineMovesNothing,
	}
}

// registered checks whether the line is registered for a customer.
func (c storeChecks) registered(customerID string, want bool) {
	c.t.Helper()
	got, err := c.store.Registered(c.t.Context(), customerID, "01011112222")
	same(c.t, err, got, want)
}

func (c storeChecks) movedLineIsTheHolders() {
	kim, lee := Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01011112222")
	c.create(kim)
	c.open(session("s1", "kim"))
	wantError(c.t, c.store.CreateHolder(c.t.Context(), lee), nil)
	c.registered("CUST1", false)
	c.registered("CUST2", true)
	for _, want := range []identity.Account{kim, lee} { // neither account changes
		got, err := c.store.Account(c.t.Context(), want.ID)
		same(c.t, err, got, want)
	}
	user, err := c.store.Extend(c.t.Context(), "s1", c.hour())
	same(c.t, err, user, kim.User)
	third := Customer("choi", "CUST3", "01011112222")
	wantError(c.t, c.store.Available(c.t.Context(), third.User), identity.ErrLineTaken)
	wantError(c.t, c.store.Create(c.t.Context(), third), identity.ErrLineTaken)
	third.CustomerID = "CUST1"
	wantError(c.t, c.store.Create(c.t.Context(), third), identity.ErrCustomerTaken)
}

func (c storeChecks) refusedHolderMovesNothing() {
	c.create(Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	for want, holder := range map[error]identity.Account{
		identity.ErrUserIDTaken:   Customer("LEE", "CUST3", "01011112222"),
		identity.ErrCustomerTaken: Customer("choi", "CUST2", "01011112222"),
	} {
		wantError(c.t, c.store.CreateHolder(c.t.Context(), holder), want)
		c.registered("CUST1", true)
		wantError(c.t, c.store.Available(c.t.Context(), Customer("park", "CUST4", "01011112222").User), identity.ErrLineTaken)
	}
}

func (c storeChecks) lineMovesAgain() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	for id, customerID := range map[string]string{"lee": "CUST2", "choi": "CUST3", "park": "CUST4"} {
		wantError(c.t, c.store.CreateHolder(c.t.Context(), Customer(id, customerID, "01011112222")), nil)
		c.registered(customerID, true)
	}
	c.registered("CUST1", false)
}

func (c storeChecks) freeLineMovesNothing() {
	c.create(Customer("kim", "CUST1", "01033334444"))
	lee := Customer("lee", "CUST2", "01011112222")
	wantError(c.t, c.store.CreateHolder(c.t.Context(), lee), nil)
	c.registered("CUST2", true)
	wantError(c.t, c.store.Available(c.t.Context(), Customer("choi", "CUST3", "01033334444").User), identity.ErrLineTaken)
}
