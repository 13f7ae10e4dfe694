package observe

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/observe"
	"github.com/phonebill/phonebill/dev/system"
)

var chosen = flag.String("trouble", "dead-app", "`name` of a trouble, or all")

// trouble is something that alerts have to notice.
type trouble struct {
	name   string
	cause  func(context.Context) error
	cure   func(context.Context) error
	alerts []string
}

var troubles = []trouble{
	{
		name:   "dead-app",
		cause:  func(context.Context) error { return running.Kill("kos-mock-service") },
		cure:   func(ctx context.Context) error { return running.Restart(ctx, "kos-mock-service") },
		alerts: []string{"ServiceDown"},
	},
	{
		name:   "outage",
		cause:  func(context.Context) error { return mock.Trouble(kos.Trouble{Name: kos.Outage, Seconds: 3600}) },
		cure:   func(context.Context) error { return calm() },
		alerts: []string{"BreakerOpen", "HighErrorRate", "InquiriesFail"},
	},
	{
		name:   "dead-store",
		cause:  func(context.Context) error { return running.Kill(system.Redis) },
		cure:   func(ctx context.Context) error { return running.Restart(ctx, system.Redis) },
		alerts: []string{"SessionsDegraded"},
	},
}

// Alerts have to fire this soon after their cause, and to clear this soon after it is gone. Their
// windows are 5 minutes long.
const (
	fires  = 10 * time.Minute
	clears = 15 * time.Minute
)

// TestAlerts causes troubles. Their alerts fire, the first query of each runbook shows the cause, and
// the alerts clear when the cause is gone.
func TestAlerts(t *testing.T) {
	startCustomers(t)
	for _, trouble := range troubles {
		if *chosen != trouble.name && *chosen != "all" {
			continue
		}
		t.Run(trouble.name, func(t *testing.T) {
			for _, alert := range trouble.alerts {
				awaitAlert(t, alert, false, clears) // another test may have caused it
			}
			start := time.Now()
			if err := trouble.cause(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, alert := range trouble.alerts {
				awaitAlert(t, alert, true, fires)
				t.Logf("%s fired after %s", alert, time.Since(start).Round(time.Second))
				showsCause(t, alert, start)
			}
			if err := trouble.cure(t.Context()); err != nil {
				t.Fatal(err)
			}
			start = time.Now()
			for _, alert := range trouble.alerts {
				awaitAlert(t, alert, false, clears)
				t.Logf("%s cleared after %s", alert, time.Since(start).Round(time.Second))
			}
		})
	}
}

// awaitAlert waits until an alert fires, or does not.
func awaitAlert(t *testing.T, name string, fires bool, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := proc.Retry(ctx, time.Second, func() error {
		alerts, err := observe.Alerts(ctx)
		if err != nil {
			return err
		}
		firing := slices.ContainsFunc(alerts, func(a observe.Alert) bool { return a.Name == name && a.State == "firing" })
		if firing != fires {
			return fmt.Errorf("%s fires: %t, alerts: %+v", name, firing, alerts)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("not within %s: %v", limit, err)
	}
}

// query matches a query of a runbook.
var query = regexp.MustCompile("(?s)```promql\n(.+?)\n```")

// showsCause checks that the first query of an alert's runbook has a result since the cause.
func showsCause(t *testing.T, alert string, since time.Time) {
	t.Helper()
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	kebab := strings.ToLower(regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(alert, "$1-$2"))
	text, err := os.ReadFile(filepath.Join(root.Path("dev", "docs", "operations"), kebab+".md"))
	if err != nil {
		t.Fatal(err)
	}
	first := query.FindSubmatch(text)
	if first == nil {
		t.Fatalf("the runbook of %s has no query", alert)
	}
	results, err := observe.Range(t.Context(), string(bytes.TrimSpace(first[1])), since, time.Now())
	if err != nil || len(results) == 0 {
		t.Errorf("the first query of the runbook of %s shows nothing: %v", alert, err)
	}
}
