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

// Listener receives the notifications of some channels. Its functions are called
// sequentially and must not block.
type Listener struct {
	// Channels are the names of the channels, unquoted.
	Channels []string
	// Listening is called with true when LISTEN has succeeded; earlier notifications
	// may have been missed. It is called with false at the start and when the
	// connection is lost.
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
	// probeInterval is the time without a notification after which the connection
	// is probed.
	probeInterval = 3 * time.Second
	// probeTimeout is the timeout of a probe, and of connecting.
	probeTimeout = 2 * time.Second
	// reconnectPause is the time between attempts to connect.
	reconnectPause = 500 * time.Millisecond
)

// Listen listens until ctx ends, on its own connection to the primary. It replaces
// a connection that is lost or dead, or whose server has become read-only. It logs
// an interruption once, however long it lasts.
func Listen(ctx context.Context, direct Direct, log *slog.Logger, l Listener) {
	l.Listening(false)
	interrupted := false
	for ctx.Err() == nil {
		started, err := l.listen(ctx, direct)
		if err != nil && ctx.Err() == nil && (started || !interrupted) {
			log.WarnContext(ctx, "database listener failed", "error", err)
			interrupted = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
}

// listen listens on one connection until it fails. It reports whether LISTEN
// succeeded.
func (l Listener) listen(ctx context.Context, direct Direct) (started bool, err error) {
	conn, err := l.connect(ctx, direct)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		_ = conn.Close(closing)
	}()
	l.Listening(true)
	defer l.Listening(false)
	for {
		if err := l.next(ctx, conn); err != nil {
			return true, err
		}
	}
}

// connect removes a connection from the pool and executes LISTEN on it.
func (l Listener) connect(ctx context.Context, direct Direct) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	pooled, err := direct.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	conn := pooled.Hijack()
	if err := checkWritable(ctx, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
	}
	for _, channel := range l.Channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return nil, errors.Join(fmt.Errorf("listen: %w", err), conn.Close(ctx))
		}
	}
	return conn, nil
}

// next handles one notification, or probes the connection after probeInterval.
func (l Listener) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, probeInterval)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if err == nil {
		l.Notified(notification.Channel, notification.Payload)
		return nil
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return fmt.Errorf("listen: %w", err)
	}
	probing, stop := context.WithTimeout(ctx, probeTimeout)
	defer stop()
	if err := checkWritable(probing, conn); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// checkWritable returns an error if the server of conn does not respond or is
// read-only.
func checkWritable(ctx context.Context, conn *pgx.Conn) error {
	var readOnly string
	if err := conn.QueryRow(ctx, "SHOW transaction_read_only").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly == "on" {
		return errReadOnly
	}
	return nil
}
