package platform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"go.uber.org/fx"
)

// The signals that change the log level of a running service.
const (
	debugSignal      = syscall.SIGUSR1 // to DEBUG
	configuredSignal = syscall.SIGUSR2 // to the configured level
)

// changeLevel returns the hook that changes the level of log at signals while a service runs.
func changeLevel(level *slog.LevelVar, log *slog.Logger) fx.Hook {
	configured := level.Level()
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	return fx.StartStopHook(func() {
		signal.Notify(signals, debugSignal, configuredSignal)
		go func() {
			defer close(done)
			for received := range signals {
				level.Set(configured)
				if received == debugSignal {
					level.Set(slog.LevelDebug)
				}
				log.Info("log level changed", "to", level.Level().String())
			}
		}()
	}, func() {
		signal.Stop(signals)
		close(signals)
		<-done
	})
}

// containerProcess is the process id of a service in its container.
const containerProcess = "1"

// logLevel is the command that changes the log level of a running service: args are "debug" or
// "configured", and the service's process id unless it is that in a container.
func logLevel(_ context.Context, args []string) error {
	if len(args) == 1 {
		args = append(args, containerProcess)
	}
	if len(args) != 2 {
		return errors.New("usage: log-level debug|configured [process id]")
	}
	pid, err := strconv.Atoi(args[1])
	if err != nil || pid < 1 {
		return fmt.Errorf("not a process id: %q", args[1])
	}
	switch args[0] {
	case "debug":
		return syscall.Kill(pid, debugSignal)
	case "configured":
		return syscall.Kill(pid, configuredSignal)
	}
	return fmt.Errorf("not a level: %q", args[0])
}
