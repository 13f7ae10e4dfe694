// Package redis runs a private Redis server with its own configuration and data on the loopback
// address.
package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// Config configures a server.
type Config struct {
	Binary   string // redis-server
	Dir      string // for data and configuration, created if missing
	Log      string
	Port     int
	Password string
	// Durable makes writes survive a crash of the server. Tests do without.
	Durable bool
	// Memory limits the data, in bytes; 0 means no limit. A full server evicts the least used keys
	// if Evict is set, and refuses writes otherwise.
	Memory int
	Evict  bool
}

// Start starts the server. It does not wait until it is ready; see Ping.
func Start(cfg Config) (*proc.Child, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(cfg.Dir, "redis.conf")
	if err := atomicfile.Write(file, []byte(cfg.render())); err != nil {
		return nil, err
	}
	return proc.Start(proc.Spec{
		Path: cfg.Binary,
		Args: []string{"redis-server", file},
		Env:  []string{"LANG=C.UTF-8", "PATH=" + os.Getenv("PATH")},
		Dir:  cfg.Dir,
		Log:  cfg.Log,
	})
}

// render returns the configuration file. The password is in the file, because command lines and
// environments are visible to others.
func (cfg Config) render() string {
	appendOnly := "no"
	if cfg.Durable {
		// Each command is written to the file before it is answered, which survives a crash of the
		// process; the file is synced once a second.
		appendOnly = "yes"
	}
	policy := "noeviction"
	if cfg.Evict {
		policy = "allkeys-lfu"
	}
	return strings.Join([]string{
		"bind 127.0.0.1",
		"port " + strconv.Itoa(cfg.Port),
		"protected-mode yes",
		"requirepass " + strconv.Quote(cfg.Password),
		"daemonize no",
		"dir " + strconv.Quote(cfg.Dir),
		`logfile ""`,
		`save ""`,
		"appendonly " + appendOnly,
		"appendfsync everysec",
		"maxmemory " + strconv.Itoa(cfg.Memory),
		"maxmemory-policy " + policy,
		"",
	}, "\n")
}

// Address returns the address of a server started by Start, host:port.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Ping reports whether the server at an address, host:port, accepts the password and commands. It
// does not while it loads its data.
func Ping(ctx context.Context, address string, password string) error {
	_, err := run(ctx, address, []string{"AUTH", password}, []string{"PING"})
	return err
}

// deleteMatching runs on the server, so that no keys are added meanwhile.
const deleteMatching = `
local keys = redis.call('KEYS', ARGV[1])
for _, key in ipairs(keys) do redis.call('DEL', key) end
return #keys`

// Delete deletes the keys that match a Redis pattern. It scans all keys and is for tests only.
func Delete(ctx context.Context, address string, password, pattern string) error {
	_, err := run(ctx, address, []string{"AUTH", password}, []string{"EVAL", deleteMatching, "0", pattern})
	return err
}

// fill writes expiring hashes, as Dapr's state component does.
const fill = `
for i = ARGV[2], ARGV[2] + 99 do
    redis.call('HSET', ARGV[1] .. i, 'data', string.rep('x', 2000), 'version', 1)
    redis.call('EXPIRE', ARGV[1] .. i, 3600)
end
return 1`

// Fill writes about the given number of bytes under keys with prefix. It is for tests only, and
// returns the error of a server that refuses writes.
func Fill(ctx context.Context, address, password, prefix string, bytes int) error {
	for key := 0; key < bytes/2000; key += 100 {
		if _, err := run(ctx, address, []string{"AUTH", password}, []string{"EVAL", fill, "0", prefix, strconv.Itoa(key)}); err != nil {
			return err
		}
	}
	return nil
}

// countHolding searches keys of all types.
const countHolding = `
local readers = {
    string = function(key) return {redis.call('GET', key)} end,
    hash   = function(key) return redis.call('HGETALL', key) end,
    list   = function(key) return redis.call('LRANGE', key, 0, -1) end,
    set    = function(key) return redis.call('SMEMBERS', key) end,
    zset   = function(key) return redis.call('ZRANGE', key, 0, -1) end,
    stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
}
local function holds(value)
    if type(value) ~= 'table' then return string.find(tostring(value), ARGV[1], 1, true) end
    for _, part in ipairs(value) do
        if holds(part) then return true end
    end
end
local found = 0
for _, key in ipairs(redis.call('KEYS', '*')) do
    if holds(key) or holds(readers[redis.call('TYPE', key).ok](key)) then found = found + 1 end
end
return found`

// Count returns how many keys contain a text in their names or values. It reads all data and is for
// tests only.
func Count(ctx context.Context, address string, password, text string) (int, error) {
	answer, err := run(ctx, address, []string{"AUTH", password}, []string{"EVAL", countHolding, "0", text})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(answer, ":"))
}

// run sends commands over one connection until one fails, and returns the last answer.
func run(ctx context.Context, address string, commands ...[]string) (answer string, err error) {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	reader := bufio.NewReader(conn)
	for _, command := range commands {
		if answer, err = call(conn, reader, command); err != nil {
			return "", fmt.Errorf("redis %s: %w", command[0], err)
		}
	}
	return answer, nil
}

// call sends one command in the Redis protocol and expects a simple string, which starts with a
// plus sign, or an integer, which starts with a colon.
func call(conn net.Conn, reader *bufio.Reader, command []string) (string, error) {
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(request.String())); err != nil {
		return "", err
	}
	answer, err := reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	if answer = strings.TrimSpace(answer); !strings.HasPrefix(answer, "+") && !strings.HasPrefix(answer, ":") {
		return "", errors.New(answer)
	}
	return answer, nil
}
