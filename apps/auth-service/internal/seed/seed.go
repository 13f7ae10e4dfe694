// Package seed has the users of development and of load tests. Production runs
// none of it.
package seed

import (
	"context"
	"fmt"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Password is the password of all users here. It is public: they exist in
// development only.
const Password = "PhoneBill1!"

// Users stores accounts.
type Users interface {
	// Import creates those of the accounts of whose ids, customers and lines
	// none is taken, and returns how many.
	Import(ctx context.Context, accounts []identity.Account) (int, error)
}

// Hasher hashes a password.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
}

// batch is how many accounts go to the database at once.
const batch = 5_000

// maxLoadUsers is how many lines KOS's generated population can have.
const maxLoadUsers = 9_999_999

// Run creates the demo users and n users for load tests, those that are not
// there yet, and returns how many it created.
func Run(ctx context.Context, users Users, hasher Hasher, n int) (int, error) {
	if n < 0 || n > maxLoadUsers {
		return 0, fmt.Errorf("number of users must be between 0 and %d", maxLoadUsers)
	}
	accounts := make([]identity.Account, 0, len(demo))
	for _, user := range demo {
		hash, err := hasher.Hash(ctx, Password)
		if err != nil {
			return 0, err
		}
		accounts = append(accounts, identity.Account{User: user, PasswordHash: hash})
	}
	created, err := users.Import(ctx, accounts)
	if err != nil {
		return created, err
	}
	more, err := load(ctx, users, hasher, n)
	return created + more, err
}

// load creates users for load tests. They share one salted hash, which for
// people would be wrong: thousands of hashes would take minutes.
func load(ctx context.Context, users Users, hasher Hasher, n int) (created int, err error) {
	if n == 0 {
		return 0, nil
	}
	hash, err := hasher.Hash(ctx, Password)
	if err != nil {
		return 0, err
	}
	for first := 1; first <= n; first += batch {
		accounts := make([]identity.Account, 0, batch)
		for i := first; i < first+batch && i <= n; i++ {
			accounts = append(accounts, identity.Account{User: loadUser(i), PasswordHash: hash})
		}
		more, err := users.Import(ctx, accounts)
		if err != nil {
			return created, err
		}
		created += more
	}
	return created, nil
}

var both = []string{identity.PermissionBillInquiry, identity.PermissionProductChange}

// loadUser is the ith user for load tests: with the ith line of KOS's generated
// population, and the customer it belongs to there.
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
