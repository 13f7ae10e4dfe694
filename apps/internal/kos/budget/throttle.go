package budget

import (
	"context"
	"fmt"
	"math"
	"time"
)

const (
	// leastShare bounds how far repeated refusals lower the rate.
	leastShare = 0.05
	// settle is how long after a refusal another one says nothing new: it is the
	// answer to a call that was made before.
	settle = 10 * time.Second
)

// Until the time that KOS named nothing is given, and no burst after it. The
// rate falls to half, but not again before the calls that were under way are
// answered.
const throttle = `
INSERT INTO kos_budget AS budget (client, endpoint, full_at, share, share_at)
VALUES ($1, $2, clock_timestamp() + $3::interval + $4::interval, 0.5, clock_timestamp() + $5::interval)
ON CONFLICT (client, endpoint) DO UPDATE
SET full_at = greatest(budget.full_at, excluded.full_at),
    share = CASE WHEN budget.share_at > clock_timestamp() THEN budget.share ELSE greatest($6, ` + share + ` / 2) END,
    share_at = CASE WHEN budget.share_at > clock_timestamp() THEN budget.share_at ELSE excluded.share_at END`

// Throttled tells all replicas that KOS has refused a call for now, and for how
// long: nothing is given until then, and half as much after it. What is given
// comes back to what was agreed by a tenth of that each half minute.
func (b *Budget) Throttled(ctx context.Context, retryAfter time.Duration) error {
	if b.throttled != nil {
		b.throttled.Inc()
	}
	_, err := b.db.Exec(ctx, throttle, b.client, b.endpoint, max(0, retryAfter), b.burst, max(retryAfter, settle), leastShare)
	if err != nil {
		return fmt.Errorf("kos budget %s: %w", b.endpoint, err)
	}
	return nil
}

// State is how a budget stands.
type State struct {
	// Wait is how long nothing is to be had; 0 if there is something.
	Wait time.Duration
	// Interval is how far apart calls are now, once the burst is spent.
	Interval time.Duration
	// Left is how many calls could be made at once.
	Left int
	// Share is the part of the agreed rate that KOS allows, from 0 to 1.
	Share float64
}

const state = `
SELECT ` + share + `, budget.full_at - clock_timestamp()
FROM kos_budget AS budget
WHERE client = $1 AND endpoint = $2
UNION ALL SELECT 1, interval '0'
LIMIT 1`

// State returns how the budget stands. It takes nothing.
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
