// Package deadletters lists the events that subscribers could not handle, and sends them again. They
// are entries of Redis streams, as Dapr's pubsub component writes them.
package deadletters

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Topics are the topics that have dead letters; see components/.
var Topics = []string{"product.changed.v1", "user.logged-in.v1"}

// stream returns the stream with the dead letters of a topic.
func stream(topic string) string { return topic + ".dead" }

// Letter is a dead letter, without its data, which is personal.
type Letter struct {
	Topic string
	Entry string    // id in the stream
	At    time.Time // when it became a dead letter
	// ID, Type and Source are those of the CloudEvent; empty if it cannot be read.
	ID, Type, Source string
}

// List returns the dead letters of all topics, oldest first within a topic.
func List(ctx context.Context, client redis.Cmdable) ([]Letter, error) {
	var all []Letter
	for _, topic := range Topics {
		entries, err := client.XRange(ctx, stream(topic), "-", "+").Result()
		if err != nil {
			return nil, fmt.Errorf("list dead letters of %s: %w", topic, err)
		}
		for _, entry := range entries {
			all = append(all, read(topic, entry))
		}
	}
	return all, nil
}

func read(topic string, entry redis.XMessage) Letter {
	letter := Letter{Topic: topic, Entry: entry.ID}
	var milliseconds int64
	if _, err := fmt.Sscanf(entry.ID, "%d-", &milliseconds); err == nil {
		letter.At = time.UnixMilli(milliseconds).UTC()
	}
	var event struct{ ID, Type, Source string }
	if data, ok := entry.Values["data"].(string); ok && json.Unmarshal([]byte(data), &event) == nil {
		letter.ID, letter.Type, letter.Source = event.ID, event.Type, event.Source
	}
	return letter
}

// maxEvents is about how many events a stream keeps, as in components/.
const maxEvents = 20_000

// Replay moves the dead letters of a topic back to it, oldest first, and returns their number. Those
// that become dead letters meanwhile stay. It may be repeated: an event that was sent and not yet
// removed is sent twice, and subscribers are idempotent.
func Replay(ctx context.Context, client redis.Cmdable, topic string) (int, error) {
	entries, err := client.XRange(ctx, stream(topic), "-", "+").Result()
	if err != nil {
		return 0, fmt.Errorf("replay %s: %w", topic, err)
	}
	for moved, entry := range entries {
		again := &redis.XAddArgs{Stream: topic, MaxLen: maxEvents, Approx: true, Values: entry.Values}
		if err := client.XAdd(ctx, again).Err(); err != nil {
			return moved, fmt.Errorf("replay %s: %w", topic, err)
		}
		if err := client.XDel(ctx, stream(topic), entry.ID).Err(); err != nil {
			return moved, fmt.Errorf("replay %s: %w", topic, err)
		}
	}
	return len(entries), nil
}

// String returns the letter as a line of text.
func (l Letter) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s  %s  %s  event %s from %s", l.At.Format(time.RFC3339), l.Topic, l.Entry, l.ID, l.Source))
}
