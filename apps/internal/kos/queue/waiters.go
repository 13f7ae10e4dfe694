package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// Channels of NOTIFY. The payloads are the endpoint's name and the signal of an
// item's key.
const (
	channelItems   = "kos_queue"
	channelChanged = "kos_queue_changed"
)

// signal names an item without its key, which may contain a phone number.
func signal(endpoint, key string) string {
	sum := sha256.Sum256([]byte(endpoint + "\x00" + key))
	return hex.EncodeToString(sum[:16])
}

// waiters are woken when the item that they wait for ends or is set aside. A wake-up
// says only that it is worth looking at the item or its result.
type waiters struct {
	mu       sync.Mutex
	bySignal map[string]map[chan struct{}]struct{}
}

func newWaiters() *waiters {
	return &waiters{bySignal: map[string]map[chan struct{}]struct{}{}}
}

// Await returns a channel that receives when the item of a key has ended or been set
// aside on any replica, or when such a message may have been missed. Call it before the
// item is enqueued, and stop when the channel is not needed any more.
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

// offer sends unless a message is waiting already.
func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Listener returns what passes notifications of all replicas on to this one.
func (d *Dispatcher) Listener() pg.Listener {
	return pg.Listener{
		Channels: []string{channelItems, channelChanged},
		Listening: func(listening bool) {
			if listening { // something may have been missed
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
