package change_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOutcomes(t *testing.T) {
	t.Parallel()
	outcomes := change.NewOutcomes()
	first, leaveFirst := outcomes.Await("a")
	second, leaveSecond := outcomes.Await("a")
	other, leaveOther := outcomes.Await("b")
	defer leaveOther()
	leaveFirst()
	outcomes.Announce("a")
	outcomes.Announce("a")      // twice does no harm
	outcomes.Announce("nobody") // nor does this
	leaveSecond()
	if told(first) || !told(second) || told(other) {
		t.Errorf("told: who left %t, who waited %t, who waits for another %t", told(first), told(second), told(other))
	}
}

func told(final <-chan struct{}) bool {
	select {
	case <-final:
		return true
	default:
		return false
	}
}

func TestOutcomesOfMany(t *testing.T) {
	t.Parallel()
	outcomes := change.NewOutcomes()
	var group sync.WaitGroup
	for range 100 {
		final, leave := outcomes.Await("a")
		group.Go(func() {
			<-final
			leave()
		})
		group.Go(func() { _, leave := outcomes.Await("a"); leave() })
	}
	outcomes.Announce("a")
	group.Wait()
}
