// Package console tells the person at the terminal what is going on.
package console

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Console writes lines for people. It is safe for concurrent use.
type Console struct {
	mu  sync.Mutex
	out io.Writer
	now func() time.Time
}

// New returns a console that writes to out. A failed write is dropped: a
// terminal that went away must not keep the system from stopping.
func New(out io.Writer) *Console { return &Console{out: out, now: time.Now} }

// Printf writes one line.
func (c *Console) Printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.out, format+"\n", args...)
}

// Lines returns a writer that writes each line that ends in what it is given as a
// line of its own, indented.
func (c *Console) Lines() io.Writer { return &lines{console: c} }

type lines struct {
	console *Console
	begun   []byte // of the line that has not ended yet
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
	patience    = 2 * time.Second // how long something may take without a word
	interval    = 5 * time.Second // until it is mentioned again; longer each time
	maxInterval = 30 * time.Second
)

// Wait reports something that takes its time: nothing for two seconds, then a
// line, then further ones at growing intervals, until the returned function is
// called. A line ends with what state returns, which says what is waited for;
// state may be nil.
func (c *Console) Wait(what string, state func() string) (done func()) {
	started := c.now()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		next := interval
		timer := time.NewTimer(patience)
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
