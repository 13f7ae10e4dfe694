// Package preload enqueues prefetches of subscribers for a list of lines, such as before a
// launch.
package preload

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Enqueuer enqueues prefetches. See product.Prefetcher.
type Enqueuer interface {
	Enqueue(ctx context.Context, s product.Subscription, reason string) error
}

// fullPause is the time between two attempts to enqueue while the queue is full.
const fullPause = 2 * time.Second

// Run reads rows of a customer's id and a line from in, as CSV without a header, and
// enqueues a prefetch for each. While the queue is full, it waits. It returns how many rows
// it has taken, and an error that names the first row that is not valid; the rows before it
// are enqueued. It is idempotent.
func Run(ctx context.Context, in io.Reader, queue Enqueuer) (rows int, err error) {
	reader := csv.NewReader(in)
	reader.FieldsPerRecord = 2
	reader.ReuseRecord = true
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, fmt.Errorf("row %d: not a customer and a line", rows+1)
		}
		s, err := parse(record)
		if err != nil {
			return rows, fmt.Errorf("row %d: %w", rows+1, err)
		}
		if err := enqueue(ctx, s, queue); err != nil {
			return rows, fmt.Errorf("row %d: %w", rows+1, err)
		}
		rows++
	}
}

// customerPattern accepts the customer ids of KOS.
var customerPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// parse returns the subscription of a row. Its errors do not contain the row, which is
// personal data.
func parse(record []string) (product.Subscription, error) {
	if !customerPattern.MatchString(record[0]) {
		return product.Subscription{}, errors.New("invalid customer id")
	}
	line, err := msisdn.Parse(record[1])
	if err != nil {
		return product.Subscription{}, errors.New("invalid line number")
	}
	return product.Subscription{Customer: record[0], Line: line}, nil
}

// enqueue enqueues a prefetch. While the queue is full, it waits.
func enqueue(ctx context.Context, s product.Subscription, queue Enqueuer) error {
	for {
		err := queue.Enqueue(ctx, s, product.ReasonPreload)
		if !errors.Is(err, readthrough.ErrFull) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(fullPause):
		}
	}
}
