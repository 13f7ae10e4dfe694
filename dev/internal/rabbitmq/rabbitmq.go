// Package rabbitmq runs a private RabbitMQ with its own configuration and data on the loopback address.
package rabbitmq

import (
	"context"
	_ "embed"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/phonebill/phonebill/dev/internal/atomicfile"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

//go:embed start.sh
var startScript []byte

// user is the user that start.sh creates, who may do everything.
const user = "phonebill"

// Config configures a broker.
type Config struct {
	Dir      string // for data and configuration, created if missing
	Log      string
	Port     int
	Password string // of the user phonebill
}

// Start starts the broker. It does not wait until it is ready; see Ping. At each start it sets the
// password, and creates exchange and queue of each dead-letter topic if they are missing.
func Start(cfg Config) (*proc.Child, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := atomicfile.Write(filepath.Join(cfg.Dir, "password"), []byte(cfg.Password)); err != nil {
		return nil, err
	}
	script := filepath.Join(cfg.Dir, "start.sh")
	if err := atomicfile.Write(script, startScript); err != nil {
		return nil, err
	}
	args := []string{"sh", script, cfg.Dir, strconv.Itoa(cfg.Port)}
	for range 2 { // of Erlang
		port, err := proc.FreePort()
		if err != nil {
			return nil, err
		}
		args = append(args, strconv.Itoa(port))
	}
	return proc.Start(proc.Spec{
		Path: "/bin/sh",
		Args: args,
		Env:  []string{"LANG=C.UTF-8", "PATH=" + os.Getenv("PATH")},
		Dir:  cfg.Dir,
		Log:  cfg.Log,
	})
}

// Address returns the address of a broker started by Start, host:port.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// URL returns the URL for clients of the broker at an address.
func URL(address, password string) string {
	return (&url.URL{Scheme: "amqp", User: url.UserPassword(user, password), Host: address}).String()
}

// pingTimeout bounds a Ping.
const pingTimeout = 2 * time.Second

// Ping reports whether the broker at an address, host:port, accepts the password.
func Ping(_ context.Context, address, password string) error {
	connection, err := amqp.DialConfig(URL(address, password), amqp.Config{Dial: amqp.DefaultDial(pingTimeout)})
	if err != nil {
		return err
	}
	return connection.Close()
}
