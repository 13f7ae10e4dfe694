// Package seed creates users for development and load tests. It is not used in production.
package seed

import (
	"context"
	"fmt"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Password is the password of all seeded users. It is public, because they exist in development
// only.
const Password = "PhoneBill1!"

// Users stores accounts.
type Users interface {
	// Import creates the accounts whose ids, customers and lines are all free, and returns their
	// number.
	Import(ctx context.Context, accounts []identity.Account) (int, error)
}

// Hasher hashes a password.
type Hasher interface {
	Hash(ctx context.Context, client, password string) (string, error)
}

// batch is the number of accounts per statement.
const batch = 5_000

// maxLoadUsers is the number of lines in KOS's generated population.
const maxLoadUsers = 9_999_999

// Count is how many users were added, and how many existed already.
type Count struct{ Added, Present int }

// Report is the result of Run.
type Report struct{ Demo, Load Count }

// Run creates the demo users and n load-test users that do not exist yet. It calls progress
// periodically with the number of load-test users done.
func Run(ctx context.Context, users Users, hasher Hasher, n int, progress func(done int)) (Report, error) {
	var report Report
	if n < 0 || n > maxLoadUsers {
		return report, fmt.Errorf("number of users must be between 0 and %d", maxLoadUsers)
	}
	accounts := make([]identity.Account, 0, len(demo))
	for _, user := range demo {
		hash, err := hasher.Hash(ctx, "", Password)
		if err != nil {
			return report, err
		}
		accounts = append(accounts, identity.Account{User: user, PasswordHash: hash})
	}
	if err := report.Demo.add(ctx, users, accounts); err != nil || n == 0 {
		return report, err
	}
	err := report.Load.load(ctx, users, hasher, n, progress)
	return report, err
}

// add creates the missing accounts and counts them.
func (c *Count) add(ctx context.Context, users Users, accounts []identity.Account) error {
	added, err := users.Import(ctx, accounts)
	c.Added += added
	if err == nil {
		c.Present += len(accounts) - added
	}
	return err
}

// load creates load-test users. They share one salted hash, because computing thousands would take
// minutes.
func (c *Count) load(ctx context.Context, users Users, hasher Hasher, n int, progress func(done int)) error {
	hash, err := hasher.Hash(ctx, "", Password)
	if err != nil {
		return err
	}
	for first := 1; first <= n; first += batch {
		accounts := make([]identity.Account, 0, batch)
		for i := first; i < first+batch && i <= n; i++ {
			accounts = append(accounts, identity.Account{User: loadUser(i), PasswordHash: hash})
		}
		if err := c.add(ctx, users, accounts); err != nil {
			return err
		}
		progress(c.Added + c.Present)
	}
	return nil
}

var both = []string{identity.PermissionBillInquiry, identity.PermissionProductChange}

// loadUser returns the ith load-test user: with the ith line of KOS's generated population and its
// customer.
func loadUser(i int) identity.User {
	return identity.User{
		ID: fmt.Sprintf("loaduser%07d", i), Name: fmt.Sprintf("부하시험%07d", i),
		CustomerID: fmt.Sprintf("POP%07d", i), Line: msisdn.Number(fmt.Sprintf("0103%07d", i)),
		Status: identity.StatusActive, Permissions: both,
	}
}

// demo are the users of KOS's test lines, and an administrator.
var demo = []identity.User{
	customer("testuser01", "홍길동", "CUST001", "01012345678", both),
	customer("testuser02", "김영희", "CUST002", "01087654321", []string{identity.PermissionBillInquiry}),
	customer("testuser03", "이철수", "CUST003", "01055554444", both),
	customer("testuser04", "박민수", "CUST004", "01099998888", both),
	customer("testuser05", "최지우", "CUST005", "01000000000", both),
	{ID: "admin01", Name: "관리자", Status: identity.StatusActive, Permissions: []string{identity.PermissionAdmin}},
}

func customer(id, name, customerID string, line msisdn.Number, permissions []string) identity.User {
	return identity.User{
		ID: id, Name: name, CustomerID: customerID, Line: line,
		Status: identity.StatusActive, Permissions: permissions,
	}
}
