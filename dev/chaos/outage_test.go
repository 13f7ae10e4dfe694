package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

func TestDisorder(t *testing.T) {
	t.Parallel()
	var records Records
	for i := range 10 {
		id := fmt.Sprint(i)
		records.Observed = append(records.Observed, Observed{Answers: []Answer{{RequestID: id}}})
		records.Orders = append(records.Orders, kos.Order{RequestID: id, CreatedAt: time.Unix(int64(i), 0)})
	}
	if behind, out := records.disorder(); behind != 0 || out != 0 {
		t.Errorf("in order: %d behind, %d out of order", behind, out)
	}
	records.Orders[0].CreatedAt = time.Unix(99, 0)
	if behind, out := records.disorder(); behind != 9 || out != 1 {
		t.Errorf("the first is carried out last: %d behind, %d out of order", behind, out)
	}
}

func TestBusiest(t *testing.T) {
	t.Parallel()
	var times []time.Time
	for i := range 100 {
		times = append(times, time.Unix(int64(i*2), 0))
	}
	if got := busiest(times); got != 30 {
		t.Errorf("the busiest minute has %d of one in two seconds", got)
	}
	if got := busiest(nil); got != 0 {
		t.Errorf("a minute without orders has %d", got)
	}
}
