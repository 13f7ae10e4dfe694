package lock_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/lock"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

func TestLockIsExclusive(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	if who := lock.Current(path); who.PID != 0 {
		t.Errorf("before the first, the owner is %+v", who)
	}
	first, err := lock.Acquire(path, "/one")
	if err != nil {
		t.Fatal(err)
	}
	if who := lock.Current(path); who.PID != os.Getpid() || who.Root != "/one" {
		t.Errorf("the owner is %+v", who)
	}
	var held *lock.HeldError
	if _, err := lock.Acquire(path, "/two"); !errors.As(err, &held) || held.Owner.Root != "/one" || held.Owner.PID != os.Getpid() {
		t.Errorf("the second got %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if who := lock.Current(path); who.PID != 0 {
		t.Errorf("after the release, the owner is %+v", who)
	}
	second, err := lock.Acquire(path, "/two")
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if second.Left.Root != "" {
		t.Errorf("Left after a release is %+v", second.Left)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
}

func TestDeadOwnerIsReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	content, err := json.Marshal(lock.Owner{Process: proc.Process{PID: os.Getpid(), Start: 1}, Root: "/dead"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if who := lock.Current(path); who.PID != 0 {
		t.Errorf("the owner is dead: %+v", who)
	}
	taken, err := lock.Acquire(path, "/alive")
	if err != nil {
		t.Fatal(err)
	}
	if taken.Left.Root != "/dead" {
		t.Errorf("Left is %+v", taken.Left)
	}
	if err := taken.Release(); err != nil {
		t.Fatal(err)
	}
	if taken, err = lock.Acquire(path, "/alive"); err != nil || taken.Left.Root != "/dead" {
		t.Fatalf("the next owner gets %+v, %v", taken, err)
	}
	taken.Left = lock.Owner{}
	if err := taken.Release(); err != nil {
		t.Fatal(err)
	}
	if taken, err = lock.Acquire(path, "/alive"); err != nil || taken.Left.Root != "" {
		t.Fatalf("after cleanup, the next owner gets %+v, %v", taken, err)
	}
	if err := taken.Release(); err != nil {
		t.Error(err)
	}
}
