package chaos

import (
	"context"
	"time"

	"github.com/phonebill/phonebill/dev/internal/stage"
)

const readRows = `
SELECT r.request_id::text, r.user_id, coalesce(k.key, ''), r.line_number,
    r.current_code, r.target_code, r.status, r.result_code, q.item_id IS NOT NULL,
    r.requested_at, r.processed_at
FROM change_request r
LEFT JOIN idempotency_key k USING (request_id)
LEFT JOIN kos_queue q ON q.endpoint = 'product-change' AND q.payload ->> 'requestId' = r.request_id::text
ORDER BY r.requested_at, r.request_id`

// rows returns all accepted changes, oldest first.
func (r *run) rows(ctx context.Context) ([]Row, error) {
	return stage.Query[Row](ctx, r.Stage, "product_change", readRows)
}

// KOSCall is a call in KOS's own log.
type KOSCall struct {
	At       time.Time
	Endpoint string
	Status   int // 0: unanswered
}

const readCalls = `
SELECT at, endpoint, coalesce(status, 0)
FROM kos_call
WHERE at >= $1 AND (client, endpoint) IN (
    ('bill-inquiry-service', 'bill-inquiry'), ('bill-inquiry-service', 'product-inquiry'),
    ('product-change-service', 'product-change'))
ORDER BY at`

// calls returns the calls about bills and customers and the orders that reached KOS since a time,
// oldest first.
func (r *run) calls(ctx context.Context, since time.Time) ([]KOSCall, error) {
	return stage.Query[KOSCall](ctx, r.Stage, "kos_mock", readCalls, since)
}
