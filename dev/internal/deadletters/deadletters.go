// Package deadletters lists the events that subscribers could not handle, and sends them again.
package deadletters

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Topics are the topics that have dead letters; see components/.
var Topics = []string{"product.changed.v1", "user.logged-in.v1"}

// deadTopic returns the topic with the dead letters of a topic: in Redis a stream, in RabbitMQ an
// exchange with a queue.
func deadTopic(topic string) string { return topic + ".dead" }

// Broker has topics and their dead letters.
type Broker interface {
	// List returns the dead letters of all topics, oldest first within a topic.
	List(ctx context.Context) ([]Letter, error)
	// Replay moves the dead letters of a topic back to it, oldest first, and returns their number. Those
	// that become dead letters meanwhile stay. It may be repeated: an event that was sent and not yet
	// removed is sent twice, and subscribers are idempotent.
	Replay(ctx context.Context, topic string) (int, error)
	// Close ends the connection.
	Close() error
}

// Letter is a dead letter, without its data, which is personal.
type Letter struct {
	Topic string
	Entry string    // id in the stream, or place in the queue
	At    time.Time // when it became a dead letter
	// ID, Type and Source are those of the CloudEvent; empty if it cannot be read.
	ID, Type, Source string
}

// read returns a letter with the fields of its event.
func read(topic, entry string, at time.Time, data []byte) Letter {
	letter := Letter{Topic: topic, Entry: entry, At: at.UTC()}
	var event struct{ ID, Type, Source string }
	if json.Unmarshal(data, &event) == nil {
		letter.ID, letter.Type, letter.Source = event.ID, event.Type, event.Source
	}
	return letter
}

// String returns the letter as a line of text.
func (l Letter) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s  %s  %s  event %s from %s", l.At.Format(time.RFC3339), l.Topic, l.Entry, l.ID, l.Source))
}
