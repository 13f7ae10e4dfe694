package budget

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// minShare bounds how far repeated 429 answers lower the rate.
	minShare = 0.05
	// throttleCooldown is how long further 429 answers do not lower the rate again, because
	// they are answers to calls that were made before the first one.
	throttleCooldown = 10 * time.Second
)

// throttle admits no call until KOS's Retry-After has passed ($3), and no burst ($4) right
// after it. It halves the rate, unless it has done so within throttleCooldown ($5).
const throttle = `
INSERT INTO kos_budget AS budget (client, endpoint, full_at, share, share_at)
VALUES ($1, $2, clock_timestamp() + $3::interval + $4::interval, 0.5, clock_timestamp() + $5::interval)
ON CONFLICT (client, endpoint) DO UPDATE
SET full_at = greatest(budget.full_at, excluded.full_at),
    share = CASE WHEN budget.share_at > clock_timestamp() THEN budget.share ELSE greatest($6, ` + share + ` / 2) END,
    share_at = CASE WHEN budget.share_at > clock_timestamp() THEN budget.share_at ELSE excluded.share_at END`

// Throttled records a 429 of KOS for all replicas. The budget admits no call until
// retryAfter has passed, and then half as many as before. The rate recovers by a tenth of
// the configured rate each half minute.
func (b *Budget) Throttled(ctx context.Context, retryAfter time.Duration) error {
	if b.throttled != nil {
		b.throttled.Inc()
	}
	_, err := b.db.Exec(ctx, throttle, b.client, b.endpoint, max(0, retryAfter), b.burst, max(retryAfter, throttleCooldown), minShare)
	if err != nil {
		return fmt.Errorf("kos budget %s: %w", b.endpoint, err)
	}
	return nil
}

// State is the state of a budget.
type State struct {
	// Wait is how long no call is admitted; 0 if one is.
	Wait time.Duration
	// Interval is the present time between calls, once the burst is spent.
	Interval time.Duration
	// Left is how many calls would be admitted at once.
	Left int
	// Share is the part of the configured rate in use, from 0 to 1.
	Share float64
}

const state = `
SELECT ` + share + `, budget.full_at - clock_timestamp()
FROM kos_budget AS budget
WHERE client = $1 AND endpoint = $2
UNION ALL SELECT 1, interval '0'
LIMIT 1`

// State returns the state of the budget. It admits no call.
func (b *Budget) State(ctx context.Context) (State, error) {
	var (
		now   State
		taken time.Duration
	)
	if err := b.db.QueryRow(ctx, state, b.client, b.endpoint).Scan(&now.Share, &taken); err != nil {
		return State{}, fmt.Errorf("kos budget %s: %w", b.endpoint, err)
	}
	now.Interval = time.Duration(float64(b.interval) / now.Share)
	left := max(b.advance(), now.Interval) - max(0, taken)
	now.Left = max(0, int(math.Floor(float64(left)/float64(now.Interval))))
	now.Wait = max(0, now.Interval-left)
	return now, nil
}
