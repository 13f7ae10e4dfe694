package componenttest

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/freeport"
)

// spawn starts the service as a separate process and waits until it is ready. It runs
// until the test ends or it is killed.
func (w *world) spawn() *exec.Cmd {
	w.t.Helper()
	binary := filepath.Join(w.t.TempDir(), "bill-inquiry-service")
	compile := exec.CommandContext(w.t.Context(), "go", "build", "-o", binary, "..")
	if output, err := compile.CombinedOutput(); err != nil {
		w.t.Fatalf("build: %v\n%s", err, output)
	}
	w.address = freeport.Address(w.t)
	var log bytes.Buffer
	process := exec.CommandContext(context.Background(), binary) // the test's context ends before its cleanup
	process.Env = append([]string{
		"HTTP_ADDR=" + w.address, "LOG_LEVEL=ERROR", "KOS_CREDENTIALS_SECRET=kos-credentials", "DATA_KEYSET_SECRET=data-keyset", noNightlyRefresh,
		"DB_HOST=" + w.db.Config.Host, "DB_PORT=" + strconv.Itoa(w.db.Config.Port), "DB_NAME=" + w.db.Config.Name,
		"DB_USER=" + w.db.Config.User, "DB_PASSWORD_SECRET=" + w.db.Config.PasswordSecret,
		"DAPR_HTTP_PORT=" + strconv.Itoa(w.dapr.HTTPPort), "DAPR_GRPC_PORT=" + strconv.Itoa(w.dapr.GRPCPort),
	}, w.environ...)
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if process.ProcessState == nil { // not killed
			_ = process.Process.Kill()
			_ = process.Wait()
		}
		if w.t.Failed() {
			w.t.Logf("log of the process:\n%s", log.String())
		}
	})
	w.awaitReady()
	return process
}

// kill ends a process with SIGKILL.
func kill(t *testing.T, process *exec.Cmd) {
	t.Helper()
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestInquiryOfAKilledReplicaIsReclaimed kills a replica during its call of KOS. Another
// replica reclaims the item when its lease has expired, and calls KOS once more.
func TestInquiryOfAKilledReplicaIsReclaimed(t *testing.T) {
	t.Parallel()
	shared, opts := prepare(t, daprtest.RedisState)
	dying, survivor := *shared, *shared
	dying.dapr, survivor.dapr = daprtest.Start(t, opts), daprtest.Start(t, opts)
	process := dying.spawn()
	own := lines(1)[0]
	c := dying.login(own)
	dying.kos.Behave("bill-inquiry", map[string]any{"latency": map[string]int{"minMs": 1500, "maxMs": 1500}})
	accepted := c.inquireAsync(own, "")
	if accepted.status != http.StatusAccepted {
		t.Fatalf("got %+v", accepted)
	}
	expect.Eventually(t, "KOS is called", func() bool { return dying.kos.Calls("bill-inquiry") > 0 })
	kill(t, process)
	killed := time.Now()
	dying.kos.Behave("bill-inquiry", map[string]any{})
	if n := dying.count("SELECT count(*) FROM kos_queue WHERE lease_until > clock_timestamp()"); n != 1 {
		t.Fatalf("%d items are left claimed", n)
	}
	survivor.start()

	location := accepted.header.Get("Location")
	there := c.at(&survivor)
	if got := there.do(http.MethodGet, location, ""); got.data["status"] != "PROCESSING" {
		t.Errorf("meanwhile: %+v", got)
	}
	var final answer
	for deadline := time.After(2 * time.Minute); final.data["status"] != "COMPLETED"; final = there.do(http.MethodGet, location, "") {
		select {
		case <-deadline:
			t.Fatalf("not within two minutes: %+v", final)
		case <-time.After(100 * time.Millisecond): // poll
		}
	}
	t.Logf("answered %s after the kill", time.Since(killed).Round(time.Second))
	if final.data["billInfo"] == nil {
		t.Errorf("in the end: %+v", final)
	}
	if calls := survivor.kos.Calls("bill-inquiry"); calls != 2 {
		t.Errorf("KOS was called %d times", calls)
	}
	if n := survivor.count("SELECT (SELECT count(*) FROM kos_queue) + (SELECT count(*) FROM waiting_inquiry)"); n != 0 {
		t.Errorf("%d are still queued", n)
	}
	if n := survivor.count("SELECT count(*) FROM inquiry_request WHERE status = 'COMPLETED'"); n != 1 {
		t.Errorf("%d inquiries are completed", n)
	}
}
