package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

var _ billing.Store = (*Store)(nil)

// Record implements billing.Store.
func (s *Store) Record(ctx context.Context, number msisdn.Number) (billing.Record, error) {
	record, err := readRecord(ctx, s.pool, number)
	if err != nil {
		return billing.Record{}, fault("read line", err)
	}
	return record, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readRecord(ctx context.Context, db querier, number msisdn.Number) (billing.Record, error) {
	rows, err := db.Query(ctx, `
		SELECT l.customer_id, l.customer_name, l.contract_date, o.product_code, o.effective_from
		FROM (VALUES ($1)) AS asked (line_number)
		LEFT JOIN line l USING (line_number)
		LEFT JOIN line_order o USING (line_number)
		ORDER BY o.effective_from, o.id`, number.Digits())
	if err != nil {
		return billing.Record{}, err
	}
	var record billing.Record
	var customerID, customerName, productCode *string
	var contractDate, effectiveFrom *time.Time
	_, err = pgx.ForEachRow(rows, []any{&customerID, &customerName, &contractDate, &productCode, &effectiveFrom}, func() error {
		if customerID != nil {
			record.Registration = &billing.Registration{
				Customer:     billing.Customer{ID: *customerID, Name: *customerName},
				ContractDate: *contractDate,
			}
		}
		if productCode != nil {
			record.Orders = append(record.Orders, billing.Order{ProductCode: *productCode, EffectiveFrom: *effectiveFrom})
		}
		return nil
	})
	return record, err
}

// Move implements billing.Store. It locks the line, so that no order is decided about meanwhile.
func (s *Store) Move(ctx context.Context, number msisdn.Number, line billing.Registration, first billing.Order) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at, err := s.lockLine(ctx, tx, number)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(`DELETE FROM line_order WHERE line_number = $1`, number.Digits())
		batch.Queue(`
			INSERT INTO line (line_number, customer_id, customer_name, contract_date, opened_at)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (line_number) DO UPDATE
			SET customer_id = excluded.customer_id, customer_name = excluded.customer_name,
			    contract_date = excluded.contract_date, opened_at = excluded.opened_at`,
			number.Digits(), line.Customer.ID, line.Customer.Name, line.ContractDate, at)
		batch.Queue(`
			INSERT INTO line_order (line_number, product_code, effective_from, ordered_at) VALUES ($1, $2, $3, $4)`,
			number.Digits(), first.ProductCode, first.EffectiveFrom, at)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fault("move line", err)
	}
	return nil
}

// Open implements billing.Store.
func (s *Store) Open(ctx context.Context, number msisdn.Number, line billing.Registration, first billing.Order) error {
	_, err := s.pool.Exec(ctx, `
		WITH opened AS (
			INSERT INTO line (line_number, customer_id, customer_name, contract_date, opened_at)
			VALUES ($1, $2, $3, $4, $7)
			ON CONFLICT DO NOTHING
			RETURNING line_number
		)
		INSERT INTO line_order (line_number, product_code, effective_from, ordered_at)
		SELECT line_number, $5, $6, $7 FROM opened`,
		number.Digits(), line.Customer.ID, line.Customer.Name, line.ContractDate,
		first.ProductCode, first.EffectiveFrom, s.now())
	if err != nil {
		return fault("write line", err)
	}
	return nil
}
