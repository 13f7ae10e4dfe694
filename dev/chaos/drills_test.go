package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/kos"
)

func TestFind(t *testing.T) {
	t.Parallel()
	var names []string
	for _, drill := range Drills() {
		found, err := FindDrill(drill.Name)
		if err != nil || found.Description != drill.Description || slices.Contains(names, drill.Name) {
			t.Errorf("%s: %v", drill.Name, err)
		}
		names = append(names, drill.Name)
		if drill.Quiet == 0 || drill.For < time.Second || drill.Bounds.Longest == 0 {
			t.Errorf("%s lacks a phase or a bound", drill.Name)
		}
	}
	if _, err := FindDrill("mumps"); err == nil || !strings.Contains(err.Error(), "hang") {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestEnvKeepsRequiredLimits(t *testing.T) {
	t.Parallel()
	const raised = "KOS_BILL_INQUIRY_PER_MINUTE=3000"
	for _, drill := range append(Drills(), ShortDrill()) {
		limited := drill.Name == "limit-drop" || drill.Name == "crowd"
		if slices.Contains(drill.Env, raised) == limited || !slices.Contains(drill.Env, "PREFETCH_ENABLED=false") {
			t.Errorf("%s: %v", drill.Name, drill.Env)
		}
		if got := drill.Behaviors[kos.BillInquiry].LimitPerMinute > 0; got != limited {
			t.Errorf("%s: KOS has a limit: %t", drill.Name, got)
		}
	}
}
