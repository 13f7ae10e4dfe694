package platform_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// TestLevelOfARunningServiceChanges by the command of another process, here the same one.
func TestLevelOfARunningServiceChanges(t *testing.T) {
	t.Parallel()
	var log *slog.Logger
	app := fx.New(fx.Supply(telemetry.Config{Level: 100}), platform.Base("test"), fx.Populate(&log))
	expect.NoError(t, app.Start(t.Context()))
	defer func() { expect.NoError(t, app.Stop(context.WithoutCancel(t.Context()))) }()
	own := strconv.Itoa(os.Getpid())
	for _, tc := range []struct {
		to    string
		debug bool
	}{{"debug", true}, {"debug", true}, {"configured", false}, {"configured", false}} {
		var errs bytes.Buffer
		if code := platform.Main([]string{"log-level", tc.to, own}, &errs, nil); code != 0 {
			t.Fatal(errs.String())
		}
		expect.Eventually(t, tc.to, func() bool { return log.Enabled(t.Context(), slog.LevelDebug) == tc.debug })
	}
}

func TestLogLevelRefusesBadArguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":               "usage: log-level debug|configured [process id]",
		"debug 1 2":      "usage: log-level debug|configured [process id]",
		"loud":           `not a level: "loud"`,
		"debug all":      `not a process id: "all"`,
		"debug -1":       `not a process id: "-1"`, // every process
		"debug 0":        `not a process id: "0"`,  // the process group
		"debug 99999999": "no such process",
	} {
		var errs bytes.Buffer
		code := platform.Main(append([]string{"log-level"}, strings.Fields(args)...), &errs, nil)
		if code != 1 || errs.String() != "log-level: "+want+"\n" {
			t.Errorf("%q: code %d, printed %q", args, code, errs.String())
		}
	}
}
