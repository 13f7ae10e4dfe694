package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealedrows"
)

// billPlace returns the place to which a bill of customer_bill is sealed.
func billPlace(line, month, customer string) string {
	return "customer_bill " + line + " " + month + " " + customer
}

// olderBillPlace returns the place to which a bill of bill_archive is sealed.
func olderBillPlace(line, month string) string { return "bill_archive " + line + " " + month }

// summaryPlace returns the place to which the summary of a request is sealed.
func summaryPlace(requestID string) string { return "inquiry_request " + requestID }

const outdatedBills = `
SELECT ARRAY[line_number, billing_month, customer_id], xmin::text, sealed, NULL::bytea
FROM customer_bill
WHERE (line_number, billing_month, customer_id) > ($3, $4, $5) AND substring(sealed FOR length($1::bytea)) <> $1
ORDER BY line_number, billing_month, customer_id
LIMIT $2`

const resealBill = `
UPDATE customer_bill
SET sealed = $1
WHERE xmin::text = $2 AND line_number = $3 AND billing_month = $4 AND customer_id = $5`

const outdatedOlderBills = `
SELECT ARRAY[line_number, billing_month], xmin::text, sealed, convert_to(document::text, 'UTF8')
FROM bill_archive
WHERE (line_number, billing_month) > ($3, $4)
  AND (document IS NOT NULL OR substring(sealed FOR length($1::bytea)) <> $1)
ORDER BY line_number, billing_month
LIMIT $2`

const resealOlderBill = `
UPDATE bill_archive
SET sealed = $1, document = NULL
WHERE xmin::text = $2 AND line_number = $3 AND billing_month = $4`

// Ids are in the order of time, so that this reads each partition once.
const outdatedSummaries = `
SELECT ARRAY[request_id::text, requested_at::text], xmin::text, sealed_summary,
       CASE WHEN sealed_summary IS NULL THEN convert_to(summary, 'UTF8') END
FROM inquiry_request
WHERE (request_id, requested_at) > ($3::text::uuid, $4::text::timestamptz)
  AND (sealed_summary IS NULL OR substring(sealed_summary FOR length($1::bytea)) <> $1)
ORDER BY request_id, requested_at
LIMIT $2`

const resealSummary = `
UPDATE inquiry_request
SET sealed_summary = $1, summary = ''
WHERE xmin::text = $2 AND request_id = $3::text::uuid AND requested_at = $4::text::timestamptz`

// Sealed returns the tables with sealed columns in pool's database.
func Sealed(pool *pgxpool.Pool) []seal.Table {
	return []seal.Table{
		sealedrows.Table{
			Pool: pool, Label: "customer_bill", First: []string{"", "", ""}, Select: outdatedBills, Update: resealBill,
			Place: func(key []string) string { return billPlace(key[0], key[1], key[2]) },
		},
		sealedrows.Table{
			Pool: pool, Label: "bill_archive", First: []string{"", ""}, Select: outdatedOlderBills, Update: resealOlderBill,
			Place: func(key []string) string { return olderBillPlace(key[0], key[1]) },
		},
		sealedrows.Table{
			Pool: pool, Label: "inquiry_request", First: []string{"00000000-0000-0000-0000-000000000000", "-infinity"},
			Select: outdatedSummaries, Update: resealSummary,
			Place: func(key []string) string { return summaryPlace(key[0]) },
		},
	}
}
