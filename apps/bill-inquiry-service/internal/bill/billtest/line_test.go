package billtest_test

import (
	"testing"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill/billtest"
)

func TestTheLineInMemoryConforms(t *testing.T) {
	t.Parallel()
	const room = 10
	billtest.Conformance(t, room, func(*testing.T) billtest.Tested {
		return billtest.NewLine(billtest.Options{PerMinute: 100_000, Room: room})
	})
}
