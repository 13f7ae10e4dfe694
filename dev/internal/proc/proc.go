// Package proc starts, identifies and signals processes.
//
// A process is identified by its id and its start time, because the kernel reuses ids, and a signal
// must never reach another process. It reads /proc and therefore supports Linux only.
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Process is one process, dead or alive.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the boot
}

// ErrGone is returned for a process that has ended.
var ErrGone = errors.New("the process has ended")

// Get returns the process with that id.
func Get(pid int) (Process, error) {
	stat, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	return stat.Process, nil
}

// Alive reports whether the process exists, running or stopped.
func (p Process) Alive() bool {
	stat, err := readStat(p.PID)
	return err == nil && stat.Process == p && !stat.dead()
}

// Signal sends a signal to this process, never to another one with a reused id.
func (p Process) Signal(signal syscall.Signal) error {
	// The pidfd refers to one process, so that the check below is still valid when the signal is
	// sent.
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return ErrGone
	}
	defer func() { _ = handle.Release() }()
	if !p.Alive() {
		return ErrGone
	}
	if err := handle.Signal(signal); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return ErrGone
		}
		return fmt.Errorf("signal %s to %s: %w", signal, p, err)
	}
	return nil
}

// pollInterval is the interval for conditions that can only be polled.
const pollInterval = 20 * time.Millisecond

// WaitGone waits until the process has ended. It need not be a child.
func (p Process) WaitGone(ctx context.Context) error {
	return Poll(ctx, func() bool { return !p.Alive() })
}

// Poll waits until condition returns true. It returns the context's error if that ends first.
func Poll(ctx context.Context, condition func() bool) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if condition() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Retry calls do at every interval until it returns nil. It returns the last error of do when the
// context ends.
func Retry(ctx context.Context, interval time.Duration, do func() error) error {
	for {
		if err := do(); err == nil || Pause(ctx, interval) != nil {
			return err
		}
	}
}

// Pause waits for d, or until the context ends and returns its error. It is for polling.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Command returns the command line, with spaces between its words.
func (p Process) Command() string { return strings.Join(p.Args(), " ") }

// Args returns the command line, or nil if the process is gone.
func (p Process) Args() []string {
	process, err := procfs.NewProc(p.PID)
	if err != nil {
		return nil
	}
	args, err := process.CmdLine()
	if err != nil {
		return nil
	}
	return args
}

// Usage returns the CPU time that the process and its ended children have used, and its resident
// memory in bytes.
func (p Process) Usage() (cpu time.Duration, memory int64, err error) {
	process, err := procfs.NewProc(p.PID)
	if err != nil {
		return 0, 0, ErrGone
	}
	s, err := process.Stat()
	if err != nil || s.Starttime != p.Start {
		return 0, 0, ErrGone
	}
	const tick = time.Second / 100                                               // USER_HZ
	ticks := int64(s.UTime) + int64(s.STime) + int64(s.CUTime) + int64(s.CSTime) //nolint:gosec // below 2^63
	return time.Duration(ticks) * tick, int64(s.ResidentMemory()), nil
}

// String returns the id and the shortened command.
func (p Process) String() string {
	const limit = 80
	command := []rune(p.Command())
	if len(command) > limit {
		command = append(command[:limit], '…')
	}
	return fmt.Sprintf("pid %d (%s)", p.PID, string(command))
}

// stat is the used part of /proc/<pid>/stat.
type stat struct {
	Process

	parent, group int
	threads       int
	state         string
}

// dead reports whether the whole process has ended. Its first thread may end before others, and the
// last one closes open files and ports.
func (s stat) dead() bool { return s.state == "X" || s.state == "Z" && s.threads <= 1 }

func readStat(pid int) (stat, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return stat{}, ErrGone
	}
	s, err := process.Stat()
	if err != nil {
		return stat{}, ErrGone
	}
	return stat{Process{pid, s.Starttime}, s.PPID, s.PGRP, s.NumThreads, s.State}, nil
}

// list returns all visible processes, except those that have ended.
func list() []stat {
	processes, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	var all []stat
	for _, process := range processes {
		if s, err := readStat(process.PID); err == nil && !s.dead() {
			all = append(all, s)
		}
	}
	return all
}

// AnyIn reports whether a process of this user has the working folder dir.
func AnyIn(dir string) bool {
	for _, s := range list() {
		process, err := procfs.NewProc(s.PID)
		if err != nil {
			continue
		}
		if cwd, err := process.Cwd(); err == nil && cwd == dir {
			return true
		}
	}
	return false
}
