package deadletters

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

// RabbitMQ has topics as exchanges, as Dapr's pubsub component declares them. The dead letters of a
// topic are in a queue with the name of its dead-letter topic; components/alternatives/README.md says
// how the queue comes to be.
type RabbitMQ struct{ connection *amqp.Connection }

var _ Broker = RabbitMQ{}

// DialRabbitMQ connects to a broker, amqp://user:password@host:port.
func DialRabbitMQ(url string) (RabbitMQ, error) {
	connection, err := amqp.Dial(url)
	return RabbitMQ{connection}, err
}

// Close implements Broker.
func (r RabbitMQ) Close() error { return r.connection.Close() }

// List implements Broker. The letters are unavailable to other readers meanwhile, and then back in
// their places.
func (r RabbitMQ) List(context.Context) (all []Letter, err error) {
	channel, err := r.connection.Channel()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, channel.Close()) }() // puts back what is not acknowledged
	for _, topic := range Topics {
		for place := 1; ; place++ {
			delivery, found, err := channel.Get(deadTopic(topic), false)
			if err != nil {
				return nil, fmt.Errorf("list dead letters of %s: %w", topic, err)
			}
			if !found {
				break
			}
			all = append(all, read(topic, strconv.Itoa(place), delivery.Timestamp, delivery.Body))
		}
	}
	return all, nil
}

// Replay implements Broker.
func (r RabbitMQ) Replay(ctx context.Context, topic string) (moved int, err error) {
	channel, err := r.connection.Channel()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, channel.Close()) }()
	if err := channel.Confirm(false); err != nil {
		return 0, fmt.Errorf("replay %s: %w", topic, err)
	}
	queue, err := channel.QueueDeclarePassive(deadTopic(topic), true, false, false, false, nil)
	if err != nil {
		return 0, fmt.Errorf("replay %s: %w", topic, err)
	}
	for moved < queue.Messages {
		delivery, found, err := channel.Get(queue.Name, false)
		if err == nil && found {
			err = send(ctx, channel, topic, delivery)
		}
		if err != nil {
			return moved, fmt.Errorf("replay %s: %w", topic, err)
		}
		if !found { // another replay moves them, too
			break
		}
		moved++
	}
	return moved, nil
}

// send publishes a dead letter to its topic, waits until the broker has it, and removes the letter.
func send(ctx context.Context, channel *amqp.Channel, topic string, letter amqp.Delivery) error {
	again := amqp.Publishing{
		Headers: letter.Headers, ContentType: letter.ContentType, DeliveryMode: letter.DeliveryMode,
		MessageId: letter.MessageId, Timestamp: letter.Timestamp, Body: letter.Body,
	}
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, topic, "", false, false, again)
	if err != nil {
		return err
	}
	taken, err := confirmation.WaitContext(ctx)
	if err == nil && !taken {
		err = errors.New("the broker has refused the event")
	}
	if err != nil {
		return err
	}
	return letter.Ack(false)
}
