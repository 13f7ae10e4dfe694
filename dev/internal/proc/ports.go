package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// PortFree reports whether a loopback port is free.
func PortFree(port int) bool {
	listener, err := listen(port)
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	return listener.Close() == nil
}

// Free ports are below those that Linux gives to outgoing connections (from 32768), one of which may
// take a free port before its server listens. Each process has a block of its own, so that processes
// do not choose the same port. Package freeport of apps has the same blocks.
const (
	firstFree = 20_000
	blocks    = 30
	blockSize = 400 // far more than a process uses at a time
)

// free are the ports of this process.
var free struct {
	mu    sync.Mutex
	block net.Listener // at the first port of the block, which holds it while the process lives
	start int
	last  int // the offset of the port that was returned last
}

// FreePort returns a loopback port on which nothing listens. It is not returned again before all
// other ports of the process were.
func FreePort() (int, error) {
	free.mu.Lock()
	defer free.mu.Unlock()
	if free.block == nil {
		if err := holdBlock(); err != nil {
			return 0, err
		}
	}
	for range blockSize {
		free.last = free.last%(blockSize-1) + 1
		listener, err := listen(free.start + free.last)
		if err == nil {
			return free.start + free.last, listener.Close()
		}
	}
	return 0, errors.New("all ports of the process are in use")
}

// holdBlock claims a block that no other process holds.
func holdBlock() error {
	for i := range blocks {
		start := firstFree + (os.Getpid()+i)%blocks*blockSize
		if listener, err := listen(start); err == nil {
			free.block, free.start = listener, start
			return nil
		}
	}
	return errors.New("other processes hold all blocks of ports")
}

func listen(port int) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// PortHolder returns a description of the process that listens on a port, or of its user if the
// process is not visible. It is empty for a free port.
func PortHolder(port int) string {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			inode, uid, ok := listening(line, port)
			if !ok {
				continue
			}
			if process, found := socketOwner(inode); found {
				return process.String()
			}
			return "a process of " + userName(uid)
		}
	}
	return ""
}

// listening parses a line of /proc/net/tcp. It returns the socket's inode and its owner's id if the
// socket listens on port.
func listening(line string, port int) (inode, uid string, ok bool) {
	const local, state, owner, node, listen = 1, 3, 7, 9, "0A"
	fields := strings.Fields(line)
	if len(fields) <= node || fields[state] != listen ||
		!strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", port)) {
		return "", "", false
	}
	return fields[node], fields[owner], true
}

func socketOwner(inode string) (Process, bool) {
	target := "socket:[" + inode + "]"
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Process{}, false
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != target {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			continue
		}
		if process, err := Get(pid); err == nil {
			return process, true
		}
	}
	return Process{}, false
}

func userName(uid string) string {
	owner, err := user.LookupId(uid)
	if err != nil {
		return "user " + uid
	}
	return "user " + owner.Username
}
