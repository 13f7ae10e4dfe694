// Package freeport finds ports for the servers that tests start.
package freeport

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

// Ports are below those that Linux gives to outgoing connections (from 32768), one of which may take
// a free port before its server listens. Each process has a block of its own, so that tests of
// several packages do not choose the same port. Package proc of dev has the same blocks.
const (
	first  = 20_000
	blocks = 30
	size   = 400 // far more than a process uses at a time
)

// ports are the ports of this process.
var ports struct {
	mu    sync.Mutex
	block net.Listener // at the first port of the block, which holds it while the process lives
	start int
	last  int // the offset of the port that was returned last
}

// Port returns a loopback port on which nothing listens. It is not returned again before all other
// ports of the process were.
func Port(t testing.TB) int {
	t.Helper()
	port, err := next()
	if err != nil {
		t.Fatalf("freeport: %v", err)
	}
	return port
}

// Address returns a loopback address with a port as Port returns.
func Address(t testing.TB) string {
	t.Helper()
	return address(Port(t))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func listen(port int) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", address(port))
}

func next() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.block == nil {
		if err := hold(); err != nil {
			return 0, err
		}
	}
	for range size {
		ports.last = ports.last%(size-1) + 1
		listener, err := listen(ports.start + ports.last)
		if err == nil {
			return ports.start + ports.last, listener.Close()
		}
	}
	return 0, errors.New("all ports of the process are in use")
}

// hold claims a block that no other process holds.
func hold() error {
	for i := range blocks {
		start := first + (os.Getpid()+i)%blocks*size
		if listener, err := listen(start); err == nil {
			ports.block, ports.start = listener, start
			return nil
		}
	}
	return errors.New("other processes hold all blocks of ports")
}
