package rabbitmq_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/phonebill/phonebill/dev/internal/deadletters"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/internal/rabbitmq"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// start starts a broker and waits until it is ready.
func start(t *testing.T, dir string, port int, password string) *proc.Child {
	t.Helper()
	child, err := rabbitmq.Start(rabbitmq.Config{Dir: dir, Log: filepath.Join(dir, "log"), Port: port, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, child) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := proc.Poll(ctx, func() bool { return rabbitmq.Ping(ctx, rabbitmq.Address(port), password) == nil }); err != nil {
		t.Fatal(err)
	}
	return child
}

// stop stops a broker with all of its processes.
func stop(t *testing.T, child *proc.Child) {
	t.Helper()
	family := child.Family()
	_ = child.Signal(syscall.SIGTERM) // ErrGone is fine
	<-child.Done()
	for _, member := range family {
		if member.Alive() {
			t.Errorf("%s has outlived its broker", member)
		}
	}
}

func TestBrokerKeepsDeadLettersOverARestart(t *testing.T) {
	t.Parallel()
	testvar.Get(t, "PHONEBILL_TEST_RABBITMQ")
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	first := start(t, dir, port, "first")
	if err := rabbitmq.Ping(t.Context(), rabbitmq.Address(port), "wrong"); err == nil {
		t.Error("a wrong password is accepted")
	}
	for _, topic := range deadletters.Topics {
		publish(t, port, "first", topic+".dead")
	}
	stop(t, first)

	start(t, dir, port, "second")
	connection, err := amqp.Dial(rabbitmq.URL(rabbitmq.Address(port), "second"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	channel, err := connection.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range deadletters.Topics {
		if letter, found, err := channel.Get(topic+".dead", true); !found || err != nil || string(letter.Body) != topic+".dead" {
			t.Errorf("%s has %q, %v, %v", topic, letter.Body, found, err)
		}
	}
}

// publish publishes a durable message and waits until the broker has it.
func publish(t *testing.T, port int, password, exchange string) {
	t.Helper()
	connection, err := amqp.Dial(rabbitmq.URL(rabbitmq.Address(port), password))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	channel, err := connection.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if err := channel.Confirm(false); err != nil {
		t.Fatal(err)
	}
	message := amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(exchange)}
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(t.Context(), exchange, "", true, false, message)
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := confirmation.WaitContext(t.Context()); !taken || err != nil {
		t.Fatalf("%v, %v", taken, err)
	}
}
