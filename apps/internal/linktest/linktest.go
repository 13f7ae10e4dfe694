// Package linktest puts a link between a test and a server that the test can
// cut, let hang and mend. Only tests may import it.
package linktest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Link is a TCP connection to a server.
type Link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]struct{}
	flows chan struct{} // closed while bytes pass
}

// Start listens, until the test ends, for what shall reach target.
func Start(t testing.TB, target string) *Link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("linktest: %v", err)
	}
	l := &Link{listener: listener, target: target, open: make(map[net.Conn]struct{}), flows: make(chan struct{})}
	close(l.flows)
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		l.running.Wait()
	})
	return l
}

// Address is where to connect to.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Port is the one of Address.
func (l *Link) Port() string {
	_, port, _ := net.SplitHostPort(l.Address())
	return port
}

// Cut closes all connections and accepts no more that last.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.open {
		_ = conn.Close()
	}
	l.flow()
}

// Hang keeps connections and what they carry, and accepts others: nothing comes
// of either until Mend.
func (l *Link) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flow() // whoever hangs already goes on and hangs again
	l.flows = make(chan struct{})
}

// Mend lets connections, and what they carry, through again.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
	l.flow()
}

// flow ends what hangs.
func (l *Link) flow() {
	select {
	case <-l.flows:
	default:
		close(l.flows)
	}
}

func (l *Link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.join(near) })
	}
}

// join copies between the two ends until either closes.
func (l *Link) join(near net.Conn) {
	defer l.drop(near)
	if !l.keep(near) {
		return
	}
	far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.target) // cut by the link, not by a context
	if err != nil {
		return
	}
	defer l.drop(far)
	if !l.keep(far) {
		return
	}
	l.running.Go(func() {
		defer l.drop(near)
		_, _ = io.Copy(passage{l, near}, far)
	})
	_, _ = io.Copy(passage{l, far}, near)
}

// passage is an end of a connection, to which bytes come while they flow.
type passage struct {
	link *Link
	conn net.Conn
}

func (p passage) Write(data []byte) (int, error) {
	p.link.mu.Lock()
	flows := p.link.flows
	p.link.mu.Unlock()
	<-flows
	return p.conn.Write(data)
}

// keep remembers a connection, unless the link is cut.
func (l *Link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isCut {
		l.open[conn] = struct{}{}
	}
	return !l.isCut
}

func (l *Link) drop(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
	_ = conn.Close()
}
