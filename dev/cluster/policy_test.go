package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/kos"
)

// TestPolicyChangeReplacesPods upgrades the system with another policy for KOS calls, under a load of fifty
// requests a second: pods whose sidecars use it are replaced and apply it, no other pod is replaced, and no
// request fails.
func TestPolicyChangeReplacesPods(t *testing.T) {
	allSettled(t)
	admin := kos.New(address(kosMock), nil)
	t.Cleanup(func() { _ = admin.CalmDown() })
	if got := attempts(t, admin, 1); got != 3 {
		t.Fatalf("a failing KOS call is made %d times, want 3", got)
	}
	before := map[string]string{auth: revision(t, auth), kosMock: revision(t, kosMock)}
	charts := withPolicy(t, "kos.yaml", "maxRetries: 2", "maxRetries: 0")
	load := startLoad(t, bills)
	t.Cleanup(func() {
		if _, err := helm(context.Background(), "upgrade", rollTimeout); err != nil {
			t.Error(err)
		}
		allSettled(t)
	})
	roll(t, "the upgrade", func(ctx context.Context) (string, error) { return helmOf(ctx, charts, "upgrade", rollTimeout) })
	load.lossless(t)
	if revision(t, auth) == before[auth] || revision(t, kosMock) != before[kosMock] {
		t.Errorf("the pods of %s should be replaced, those of %s not: %v", auth, kosMock, before)
	}
	// Two pods, with fewer failures than open a breaker.
	for n := 2; n <= 5; n++ {
		if got := attempts(t, admin, n); got != 1 {
			t.Errorf("after the upgrade a failing KOS call is made %d times, want 1", got)
		}
	}
}

// attempts registers a user with the nth unused line while KOS fails for it, and returns the number
// of KOS calls.
func attempts(t *testing.T, admin *kos.Admin, n int) int {
	t.Helper()
	line := fmt.Sprintf("0107777%04d", n)
	failing := kos.Calm
	failing.Script = []kos.Step{{Line: line, Status: http.StatusInternalServerError, Times: 10}}
	if err := admin.Behave(kos.ProductInquiry, failing); err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-time.Second)
	client := api.New(address(auth), api.Timed(&http.Transport{DisableKeepAlives: true}))
	answer := client.Register(api.Registration{
		UserID: fmt.Sprintf("policy%04d", n), CustomerID: fmt.Sprintf("POLICY%04d", n), Line: line, Name: "정책시험", Password: password,
	})
	if answer.Status != http.StatusServiceUnavailable {
		t.Fatalf("a registration that KOS cannot confirm: %d", answer.Status)
	}
	count, err := admin.Calls(kos.Query{Endpoint: kos.ProductInquiry, Line: line, Since: start})
	if err != nil {
		t.Fatal(err)
	}
	return count.Total
}

// withPolicy returns a copy of the charts with a changed file of resiliency/.
func withPolicy(t *testing.T, file, old, changed string) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"charts", "components", "resiliency", "dev/ingress", "dev/internal/components"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(live.checkout.Path(folder))); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "resiliency", file)
	content, err := os.ReadFile(path)
	if err != nil || strings.Count(string(content), old) != 1 {
		t.Fatalf("%s does not contain %q once: %v", file, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), old, changed)), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "charts", "phonebill")
}
