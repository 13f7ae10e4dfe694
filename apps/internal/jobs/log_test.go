package jobs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/internal/jobs"
)

// TestQuietLimitsRepeatedMessages logs what River does during a minute's outage of
// its database.
func TestQuietLimitsRepeatedMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := jobs.Logger(slog.New(slog.NewTextHandler(&text, nil)))
		for range 120 {
			log.Info("of no interest")
			log.With("queue", "a").Error("error fetching jobs")
			log.WithGroup("b").Error("error fetching jobs")
			log.Warn("not the leader")
			time.Sleep(500 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		}
		for message, want := range map[string]int{"of no interest": 0, "error fetching jobs": 6, "not the leader": 6} {
			if n := strings.Count(text.String(), message); n != want {
				t.Errorf("%q: %d times, want %d", message, n, want)
			}
		}
		for _, attribute := range []string{"river.not_repeated=39", "river.queue=a"} {
			if !strings.Contains(text.String(), attribute) {
				t.Errorf("no %s:\n%s", attribute, text.String())
			}
		}
	})
}
