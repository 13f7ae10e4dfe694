package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Channels of NOTIFY. The payload of channelItems is the name of an endpoint, that of
// channelChanged the signal of an item.
const (
	channelItems   = "kos_queue"
	channelChanged = "kos_queue_changed"
)

// signal returns a hash that identifies an item. The key itself may contain a line number.
func signal(endpoint, key string) string {
	sum := sha256.Sum256([]byte(endpoint + "\x00" + key))
	return hex.EncodeToString(sum[:16])
}

// waiters wakes goroutines when the item that they wait for ends or is set aside. A wake-up
// carries no result: the goroutine reads the item or its result.
type waiters struct {
	mu       sync.Mutex
	bySignal map[string]map[chan struct{}]struct{}
}

func newWaiters() *waiters {
	return &waiters{bySignal: map[string]map[chan struct{}]struct{}{}}
}

// Await returns a channel that receives when the item of a key has ended or been set aside
// by any replica, or when a notification may have been lost. Call it before the item is
// enqueued. Call stop to release the channel.
func (q *Queue) Await(endpoint, key string) (changed <-chan struct{}, stop func()) {
	return q.waiters.await(signal(endpoint, key))
}

func (w *waiters) await(signal string) (changed <-chan struct{}, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := make(chan struct{}, 1)
	if w.bySignal[signal] == nil {
		w.bySignal[signal] = map[chan struct{}]struct{}{}
	}
	w.bySignal[signal][own] = struct{}{}
	return own, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.bySignal[signal], own)
		if len(w.bySignal[signal]) == 0 {
			delete(w.bySignal, signal)
		}
	}
}

func (w *waiters) wake(signal string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for own := range w.bySignal[signal] {
		offer(own)
	}
}

func (w *waiters) wakeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, all := range w.bySignal {
		for own := range all {
			offer(own)
		}
	}
}

// offer sends unless the channel is full.
func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Listener returns a listener that receives the notifications of all replicas.
func (d *Dispatcher) Listener() pg.Listener {
	return pg.Listener{
		Channels: []string{channelItems, channelChanged},
		Listening: func(listening bool) {
			d.listening.Store(listening)
			if listening { // notifications may have been lost
				d.queue.waiters.wakeAll()
				offer(d.wake)
			}
		},
		Notified: func(channel, payload string) {
			if channel == channelChanged {
				d.queue.waiters.wake(payload)
				return
			}
			offer(d.wake)
		},
	}
}
