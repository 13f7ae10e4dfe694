package deadletters_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/phonebill/phonebill/dev/internal/deadletters"
	"github.com/phonebill/phonebill/dev/internal/rabbitmq"
	"github.com/phonebill/phonebill/dev/internal/testvar"
)

// rabbitWorld is a broker with the dead-letter queues of dev/internal/rabbitmq, and a subscriber of
// each topic.
type rabbitWorld struct {
	deadletters.RabbitMQ

	channel *amqp.Channel
}

func startRabbitMQ(t *testing.T) world {
	t.Helper()
	testvar.Get(t, "PHONEBILL_TEST_RABBITMQ")
	port, dir := freePort(t), t.TempDir()
	child, err := rabbitmq.Start(rabbitmq.Config{Dir: dir, Log: filepath.Join(dir, "log"), Port: port, Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	endAfter(t, child)
	await(t, func(ctx context.Context) bool { return rabbitmq.Ping(ctx, rabbitmq.Address(port), "secret") == nil })
	url := rabbitmq.URL(rabbitmq.Address(port), "secret")
	broker, err := deadletters.DialRabbitMQ(url)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = broker.Close(), connection.Close() })
	channel, err := connection.Channel()
	if err != nil {
		t.Fatal(err)
	}
	w := rabbitWorld{RabbitMQ: broker, channel: channel}
	for _, topic := range deadletters.Topics {
		w.subscribe(t, topic)
	}
	return w
}

// subscribe declares the exchange and the queue of a subscriber, as Dapr does.
func (w rabbitWorld) subscribe(t *testing.T, topic string) {
	t.Helper()
	if err := w.channel.ExchangeDeclare(topic, "fanout", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.channel.QueueDeclare("app-"+topic, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.channel.QueueBind("app-"+topic, "", topic, false, nil); err != nil {
		t.Fatal(err)
	}
}

func (w rabbitWorld) bury(t *testing.T, topic, data string) {
	t.Helper()
	letter := amqp.Publishing{ContentType: "text/plain", DeliveryMode: amqp.Persistent, Timestamp: time.Now(), Body: []byte(data)}
	if err := w.channel.PublishWithContext(t.Context(), topic+".dead", "", true, false, letter); err != nil {
		t.Fatal(err)
	}
	// The queue has the letter before a later command of the same channel is answered.
	if _, err := w.channel.QueueDeclarePassive(topic+".dead", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
}

func (w rabbitWorld) sent(t *testing.T, topic string) []string {
	t.Helper()
	var all []string
	for {
		delivery, found, err := w.channel.Get("app-"+topic, true)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return all
		}
		if delivery.DeliveryMode != amqp.Persistent || delivery.ContentType != "text/plain" {
			t.Errorf("properties are lost: %+v", delivery)
		}
		all = append(all, string(delivery.Body))
	}
}
