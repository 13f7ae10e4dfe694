package app

import (
	"bytes"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/seed"
)

func TestSeedPrintsProgressAndResult(t *testing.T) {
	t.Parallel()
	var message bytes.Buffer
	now := time.Unix(0, 0)
	out := seedOutput{out: &message, users: 20_000, start: now, now: func() time.Time { return now }}
	for done := 5_000; done <= 20_000; done += 5_000 {
		now = now.Add(3 * time.Second)
		out.progress(done)
	}
	if err := out.done(seed.Report{Demo: seed.Count{Present: 6}, Load: seed.Count{Added: 19_000, Present: 1_000}}); err != nil {
		t.Fatal(err)
	}
	const want = "10000 of 20000 users for load tests after 6s\n" +
		"demo users: 0 added, 6 were there already\n" +
		"users for load tests: 19000 added, 1000 were there already, in 12s\n"
	if message.String() != want {
		t.Errorf("output is %q, want %q", message.String(), want)
	}
}

func TestSeedWithoutLoadUsersPrintsDemoUsersOnly(t *testing.T) {
	t.Parallel()
	var message bytes.Buffer
	out := seedOutput{out: &message, now: time.Now}
	if err := out.done(seed.Report{Demo: seed.Count{Added: 6}}); err != nil {
		t.Fatal(err)
	}
	if want := "demo users: 6 added, 0 were there already\n"; message.String() != want {
		t.Errorf("output is %q, want %q", message.String(), want)
	}
}
