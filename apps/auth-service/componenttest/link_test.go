package componenttest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// link is a TCP connection to a server that a test can cut.
type link struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]struct{}
}

// startLink listens for what shall reach target.
func startLink(t *testing.T, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := &link{listener: listener, target: target, open: make(map[net.Conn]struct{})}
	l.running.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		l.running.Wait()
	})
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }

func (l *link) port() string {
	_, port, _ := net.SplitHostPort(l.address())
	return port
}

// cut closes all connections and accepts no more that last.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for conn := range l.open {
		_ = conn.Close()
	}
}

// mend lets connections through again.
func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.join(near) })
	}
}

// join copies between the two ends until either closes.
func (l *link) join(near net.Conn) {
	defer l.drop(near)
	if !l.keep(near) {
		return
	}
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer l.drop(far)
	if !l.keep(far) {
		return
	}
	l.running.Go(func() {
		defer l.drop(near)
		_, _ = io.Copy(near, far)
	})
	_, _ = io.Copy(far, near)
}

// keep remembers a connection, unless the link is cut.
func (l *link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isCut {
		l.open[conn] = struct{}{}
	}
	return !l.isCut
}

func (l *link) drop(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
	_ = conn.Close()
}
