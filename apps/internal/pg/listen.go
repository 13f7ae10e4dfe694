package pg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Listener is told what NOTIFY says on some channels of a database. Its
// functions are called one after the other and should return at once.
type Listener struct {
	// Channels are the names to listen to, unquoted.
	Channels []string
	// Listening is called with true when listening has begun: whatever was said
	// before, this process may have missed. It is called with false when it is
	// interrupted, and before it begins.
	Listening func(bool)
	// Notified is called with each notification.
	Notified func(channel, payload string)
}

// Listeners returns a listener that passes everything on to all: notifications to
// those that listen to their channel.
func Listeners(all ...Listener) Listener {
	joined := Listener{
		Listening: func(listening bool) {
			for _, l := range all {
				l.Listening(listening)
			}
		},
		Notified: func(channel, payload string) {
			for _, l := range all {
				if slices.Contains(l.Channels, channel) {
					l.Notified(channel, payload)
				}
			}
		},
	}
	for _, l := range all {
		joined.Channels = append(joined.Channels, l.Channels...)
	}
	return joined
}

const (
	// silence is how long a connection may say nothing before it is asked
	// whether it is still there.
	silence = 3 * time.Second
	// probe is how long it may take to answer that, and to be connected.
	probe = 2 * time.Second
	// reconnect is the pause before another attempt to connect.
	reconnect = 500 * time.Millisecond
)

// Listen listens until ctx ends, on a connection of its own to a server that
// writes, where notifications come from. A connection that is lost, has died
// silently or whose server has stopped writing is replaced. An interruption is
// logged once, however long it lasts.
func Listen(ctx context.Context, direct Direct, log *slog.Logger, l Listener) {
	l.Listening(false)
	interrupted := false
	for ctx.Err() == nil {
		began, err := l.listen(ctx, direct)
		if err != nil && ctx.Err() == nil && (began || !interrupted) {
			log.WarnContext(ctx, "listening to the database interrupted", "error", err)
			interrupted = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnect):
		}
	}
}

// listen listens on one connection. It reports whether listening began.
func (l Listener) listen(ctx context.Context, direct Direct) (began bool, err error) {
	conn, err := l.connect(ctx, direct)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), probe)
		defer cancel()
		_ = conn.Close(closing) // nothing is left to be said on it
	}()
	l.Listening(true)
	defer l.Listening(false)
	for {
		if err := l.next(ctx, conn); err != nil {
			return true, err
		}
	}
}

// connect takes a connection out of the pool for good: one that listens is of
// no use to others.
func (l Listener) connect(ctx context.Context, direct Direct) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, probe)
	defer cancel()
	pooled, err := direct.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	conn := pooled.Hijack()
	if err := writes(ctx, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
	}
	for _, channel := range l.Channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
		}
	}
	return conn, nil
}

// next passes on one notification, or finds the connection alive after silence.
func (l Listener) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	said, err := conn.WaitForNotification(waiting)
	if err == nil {
		l.Notified(said.Channel, said.Payload)
		return nil
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return fmt.Errorf("listen: %w", err)
	}
	asking, stop := context.WithTimeout(ctx, probe)
	defer stop()
	if err := writes(asking, conn); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// writes returns an error if the server of conn is gone or only reads.
func writes(ctx context.Context, conn *pgx.Conn) error {
	var only string
	if err := conn.QueryRow(ctx, "SHOW transaction_read_only").Scan(&only); err != nil {
		return err
	}
	if only == "on" {
		return errReadOnly
	}
	return nil
}
