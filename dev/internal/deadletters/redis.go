package deadletters

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis has topics as streams, as Dapr's pubsub component writes them.
type Redis struct{ *redis.Client }

var _ Broker = Redis{}

// List implements Broker.
func (r Redis) List(ctx context.Context) ([]Letter, error) {
	var all []Letter
	for _, topic := range Topics {
		entries, err := r.XRange(ctx, deadTopic(topic), "-", "+").Result()
		if err != nil {
			return nil, fmt.Errorf("list dead letters of %s: %w", topic, err)
		}
		for _, entry := range entries {
			all = append(all, readEntry(topic, entry))
		}
	}
	return all, nil
}

// readEntry reads an entry, whose id begins with its time in milliseconds.
func readEntry(topic string, entry redis.XMessage) Letter {
	var at time.Time
	var milliseconds int64
	if _, err := fmt.Sscanf(entry.ID, "%d-", &milliseconds); err == nil {
		at = time.UnixMilli(milliseconds)
	}
	data, _ := entry.Values["data"].(string)
	return read(topic, entry.ID, at, []byte(data))
}

// maxEvents is about how many events a stream keeps, as in components/.
const maxEvents = 20_000

// Replay implements Broker.
func (r Redis) Replay(ctx context.Context, topic string) (int, error) {
	entries, err := r.XRange(ctx, deadTopic(topic), "-", "+").Result()
	if err != nil {
		return 0, fmt.Errorf("replay %s: %w", topic, err)
	}
	for moved, entry := range entries {
		again := &redis.XAddArgs{Stream: topic, MaxLen: maxEvents, Approx: true, Values: entry.Values}
		if err := r.XAdd(ctx, again).Err(); err != nil {
			return moved, fmt.Errorf("replay %s: %w", topic, err)
		}
		if err := r.XDel(ctx, deadTopic(topic), entry.ID).Err(); err != nil {
			return moved, fmt.Errorf("replay %s: %w", topic, err)
		}
	}
	return len(entries), nil
}
