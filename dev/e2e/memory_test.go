package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// maxIdle is the memory limit of an idle app.
const maxIdle = 50 << 20 // bytes

// TestIdleMemory restarts every app, to be independent of other tests, uses it as one customer
// does, and measures it when idle.
func TestIdleMemory(t *testing.T) {
	locally(t)
	disruptive(t)
	for _, app := range apps {
		respawn(t, app)
	}
	c := subscriber(t)
	for n := range 6 {
		c.see(t, api.Month(n))
	}
	c.Menu().OK(t)
	c.Change(newChangeForm(t, c), api.How{}).OK(t)
	c.History("").OK(t)
	c.Refresh(c.Tokens.Refresh).OK(t)
	for _, app := range apps {
		// Go returns memory to the system gradually.
		await(t, 10*time.Second, "an idle "+string(app), func() error {
			resident, err := residentMemory(pid(t, app))
			if err == nil && resident >= maxIdle {
				err = errAwaited(fmt.Sprintf("it uses %d MB, want less than %d MB", resident>>20, maxIdle>>20))
			}
			return err
		})
		resident, err := residentMemory(pid(t, app))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s uses %.1f MB", app, float64(resident)/(1<<20))
	}
}

// residentMemory returns the resident memory of a process in bytes.
func residentMemory(pid int) (int64, error) {
	process, err := proc.Get(pid)
	if err != nil {
		return 0, err
	}
	_, resident, err := process.Usage()
	return resident, err
}
