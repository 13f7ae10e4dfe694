package postgres

import (
	"context"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

const findCompleted = `
SELECT ` + columns + `
FROM change_request c
WHERE c.request_id = $1 AND c.requested_at BETWEEN $2 AND $3 AND c.status = 'COMPLETED'`

// Completed returns a completed change of any user, or change.ErrNoChange.
func (s *Changes) Completed(ctx context.Context, requestID string) (change.Change, error) {
	return s.one(ctx, findCompleted, requestID)
}
