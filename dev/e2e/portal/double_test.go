package portal

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

// doubled is the number of changes that TestDoubleSubmits sends twice; PHONEBILL_PORTAL_CHANGES
// sets another one.
func doubled() int {
	if n, err := strconv.Atoi(os.Getenv("PHONEBILL_PORTAL_CHANGES")); err == nil {
		return n
	}
	return 20
}

// TestDoubleSubmits sends the form of each change twice at the same time. Each is one change, for
// the customer and for KOS.
func TestDoubleSubmits(t *testing.T) {
	start := time.Now()
	users := make([]string, doubled())
	for n := range users {
		users[n] = nextUser()
	}
	var group errgroup.Group
	group.SetLimit(8)
	for n, user := range users {
		group.Go(func() error {
			changesOnce(t, n, user)
			return nil
		})
	}
	_ = group.Wait() // never fails
	count, err := mock.Calls(kos.Query{Endpoint: kos.ProductChange, Since: start})
	if err != nil || count.Total != len(users) {
		t.Errorf("KOS has got %d orders of %d changes (%v)", count.Total, len(users), err)
	}
}

// changesOnce changes the plan of a user with two equal forms.
func changesOnce(t *testing.T, n int, user string) {
	t.Helper()
	c := newCustomer(t, n)
	c.login(user)
	form, action := c.order()
	twins := []*customer{c, {t: t, client: c.client}}
	var group sync.WaitGroup
	for _, twin := range twins {
		group.Go(func() { twin.post(action, form) })
	}
	group.Wait()
	if twins[0].path != twins[1].path || !strings.HasPrefix(c.path, "/changes/") {
		t.Errorf("%s: two forms lead to %s and %s", user, twins[0].path, twins[1].path)
	}
	c.await(c.path, "요금제를 변경했습니다")
	c.get("/changes")
	if found := strings.Count(c.page, `<a href="/changes/`); found != 1 {
		t.Errorf("%s has %d changes", user, found)
	}
}
