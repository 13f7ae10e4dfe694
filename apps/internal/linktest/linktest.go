// Package linktest is a TCP proxy with network faults: a test can cut connections,
// make them hang and restore them. Only tests may import it.
package linktest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Link is a TCP proxy to a server.
type Link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	isCut  bool
	conns  map[net.Conn]struct{}
	resume chan struct{} // closed unless the link hangs
}

// Start starts a proxy to target, which runs until the test ends.
func Start(t testing.TB, target string) *Link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("linktest: %v", err)
	}
	l := &Link{listener: listener, target: target, conns: make(map[net.Conn]struct{}), resume: make(chan struct{})}
	close(l.resume)
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		l.running.Wait()
	})
	return l
}

// Address returns the listening address.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Port returns the listening port.
func (l *Link) Port() string {
	_, port, _ := net.SplitHostPort(l.Address())
	return port
}

// Cut closes all connections, and new ones at once, until Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.conns {
		_ = conn.Close()
	}
	l.unblock()
}

// Hang keeps connections open and accepts new ones, but forwards no data until Mend.
func (l *Link) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unblock() // writes of an earlier Hang
	l.resume = make(chan struct{})
}

// Mend restores the link after Cut or Hang. Data held back by Hang is forwarded.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
	l.unblock()
}

// unblock unblocks the writes of a link that hangs.
func (l *Link) unblock() {
	select {
	case <-l.resume:
	default:
		close(l.resume)
	}
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.forward(client) })
	}
}

// forward copies between client and server until either closes its connection.
func (l *Link) forward(client net.Conn) {
	defer l.remove(client)
	if !l.add(client) {
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.target) // ended by Cut, not by a context
	if err != nil {
		return
	}
	defer l.remove(server)
	if !l.add(server) {
		return
	}
	l.running.Go(func() {
		defer l.remove(client)
		_, _ = io.Copy(writer{l, client}, server)
	})
	_, _ = io.Copy(writer{l, server}, client)
}

// writer writes to a connection and blocks while the link hangs.
type writer struct {
	link *Link
	conn net.Conn
}

func (w writer) Write(data []byte) (int, error) {
	w.link.mu.Lock()
	resume := w.link.resume
	w.link.mu.Unlock()
	<-resume
	return w.conn.Write(data)
}

// add adds a connection for Cut to close. It reports false if the link is cut.
func (l *Link) add(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isCut {
		l.conns[conn] = struct{}{}
	}
	return !l.isCut
}

func (l *Link) remove(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
	_ = conn.Close()
}
