package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// LineMoved is the channel of notifications that a line was given to another customer.
// The payload is the line number and the id of the former customer.
const LineMoved = "line_moved"

const noteMove = `
WITH noted AS (
    INSERT INTO moved_line (line_number, customer_id, known_since)
    VALUES ($1, $2, $3)
    ON CONFLICT (line_number, customer_id) DO NOTHING
    RETURNING line_number, customer_id
)
SELECT pg_notify('` + LineMoved + `', line_number || ' ' || customer_id) FROM noted`

// RecordMove implements bill.Archive.
func (a *Archive) RecordMove(ctx context.Context, s bill.Subscription, at time.Time) (first bool, err error) {
	tag, err := a.pool.Exec(ctx, noteMove, s.Line.Digits(), s.Customer, at)
	if err != nil {
		return false, fmt.Errorf("record moved line: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// readMove parses the payload of LineMoved.
func readMove(payload string) bill.Subscription {
	line, customer, _ := strings.Cut(payload, " ")
	return bill.Subscription{Customer: customer, Line: msisdn.Number(line)}
}

const findCustomers = `SELECT DISTINCT customer_id FROM customer_bill WHERE line_number = $1`

// CustomersOf implements bill.Archive.
func (a *Archive) CustomersOf(ctx context.Context, line msisdn.Number) ([]string, error) {
	rows, err := a.pool.Query(ctx, findCustomers, line.Digits())
	if err != nil {
		return nil, fmt.Errorf("find customers of line: %w", err)
	}
	customers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find customers of line: %w", err)
	}
	return customers, nil
}
