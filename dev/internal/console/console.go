// Package console prints progress for users of the tools.
package console

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Console writes lines. It is safe for concurrent use.
type Console struct {
	mu  sync.Mutex
	out io.Writer
	now func() time.Time
}

// New returns a console that writes to out. Write errors are ignored, because a closed terminal
// must not prevent the system from stopping.
func New(out io.Writer) *Console { return &Console{out: out, now: time.Now} }

// Printf writes one line.
func (c *Console) Printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.out, format+"\n", args...)
}

// Lines returns a writer that writes each complete line as an indented line of the console.
func (c *Console) Lines() io.Writer { return &lines{console: c} }

type lines struct {
	console *Console
	begun   []byte // incomplete last line
}

func (l *lines) Write(p []byte) (int, error) {
	l.begun = append(l.begun, p...)
	for {
		line, rest, ended := bytes.Cut(l.begun, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		l.console.Printf("  %s", line)
		l.begun = rest
	}
}

const (
	firstDelay  = 2 * time.Second // delay before the first message
	interval    = 5 * time.Second // interval of further messages, which grows
	maxInterval = 30 * time.Second
)

// Wait reports a long operation: after two seconds and then at growing intervals, until done is
// called. state, if not nil, returns what is being waited for.
func (c *Console) Wait(what string, state func() string) (done func()) {
	started := c.now()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		next := interval
		timer := time.NewTimer(firstDelay)
		defer timer.Stop()
		for {
			select {
			case <-stop:
				return
			case <-timer.C:
				c.Printf("  … %s (%s)%s", what, c.now().Sub(started).Round(time.Second), suffix(state))
				timer.Reset(next)
				next = min(2*next, maxInterval)
			}
		}
	}()
	return sync.OnceFunc(func() { close(stop); <-stopped })
}

func suffix(state func() string) string {
	if state == nil {
		return ""
	}
	if text := state(); text != "" {
		return ": " + text
	}
	return ""
}
