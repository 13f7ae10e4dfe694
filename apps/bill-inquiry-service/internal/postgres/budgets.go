package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
)

// Budgets are the rights of all replicas together to ask KOS.
type Budgets struct {
	of map[bill.Endpoint]*kosbudget.Budget
}

// NewBudgets returns budgets of so many calls a minute, kept in pool's database
// for a client of KOS and measured by metrics.
func NewBudgets(pool *pgxpool.Pool, client string, perMinute map[bill.Endpoint]int, metrics *kosbudget.Metrics) *Budgets {
	b := &Budgets{of: map[bill.Endpoint]*kosbudget.Budget{}}
	for endpoint, limit := range perMinute {
		budget := kosbudget.New(pool, client, string(endpoint), kosbudget.Limit{PerMinute: limit, Burst: bill.AtOnce(limit)})
		b.of[endpoint] = metrics.Measure(budget)
	}
	return b
}

// Throttled tells all replicas that KOS wants to be asked less.
func (b *Budgets) Throttled(ctx context.Context, endpoint bill.Endpoint, retryAfter time.Duration) error {
	return b.of[endpoint].Throttled(ctx, retryAfter)
}

// State returns how an endpoint's budget stands.
func (b *Budgets) State(ctx context.Context, endpoint bill.Endpoint) (kosbudget.State, error) {
	return b.of[endpoint].State(ctx)
}
