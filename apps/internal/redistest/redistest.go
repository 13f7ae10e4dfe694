// Package redistest runs a Redis for one test, which may fill, flush, kill and
// demote it. Only tests may import it.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// binaryVariable is the environment variable with the path of redis-server.
const binaryVariable = "PHONEBILL_TEST_REDIS_SERVER"

// Server is a Redis without password and persistence.
type Server struct {
	t       testing.TB
	address string
	args    []string
	cmd     *exec.Cmd
}

// Start starts a server until the test ends. Settings are pairs of name and value,
// such as "maxmemory", "8mb".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	if os.Getenv(binaryVariable) == "" {
		pgtest.SkipOrFail(t, binaryVariable)
	}
	address := freeport.Address(t)
	_, port, _ := net.SplitHostPort(address) // never fails
	args := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", t.TempDir()}
	for i := 0; i < len(settings); i += 2 {
		args = append(args, "--"+settings[i], settings[i+1])
	}
	s := &Server{t: t, address: address, args: args}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Address returns the server's address, host:port.
func (s *Server) Address() string { return s.address }

// Kill kills the server.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // fails if the server has exited
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Restart starts the server again after Kill, empty, and waits until it is ready.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command(os.Getenv(binaryVariable), s.args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if _, err = s.do("PING"); err == nil {
			return
		}
		select {
		case <-s.t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.t.Fatalf("redis does not answer: %v", err)
}

// Do executes a command and returns its reply, which must not be an array.
func (s *Server) Do(command ...string) string {
	s.t.Helper()
	reply, err := s.do(command...)
	if err != nil {
		s.t.Fatalf("redis %s: %v", command[0], err)
	}
	return reply
}

// Stat returns a numeric field of INFO.
func (s *Server) Stat(name string) int {
	s.t.Helper()
	for field := range strings.Lines(s.Do("INFO")) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(field), name+":"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("INFO has no field %s", name)
	return 0
}

// fill writes hashes of the form of the state component's and the size of a sealed
// bill.
const fill = `
for i = ARGV[2], ARGV[2] + ARGV[3] - 1 do
    redis.call('HSET', ARGV[1] .. i, 'data', string.rep('x', 2000), 'version', 1)
    redis.call('EXPIRE', ARGV[1] .. i, 3600)
end
return 'OK'`

// Fill writes count keys of 2 kB: prefix0, prefix1 and so on. It returns an error if
// the server rejects a write.
func (s *Server) Fill(prefix string, count int) error {
	const chunk = 100
	for from := 0; from < count; from += chunk {
		if _, err := s.do("EVAL", fill, "0", prefix, strconv.Itoa(from), strconv.Itoa(chunk)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) do(command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", err
	}
	return readReply(bufio.NewReader(conn))
}

// readReply reads a reply of the Redis protocol that is not an array.
func readReply(reader *bufio.Reader) (string, error) {
	reply, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	reply = strings.TrimSpace(reply)
	switch reply[0] {
	case '-':
		return "", errors.New(reply[1:])
	case '$':
		size, err := strconv.Atoi(reply[1:])
		if err != nil || size < 0 {
			return "", err
		}
		text := make([]byte, size)
		_, err = io.ReadFull(reader, text)
		return string(text), err
	}
	return reply[1:], nil
}
