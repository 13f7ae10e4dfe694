package drills

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// KOSCall is a call in KOS's own log.
type KOSCall struct {
	At       time.Time
	Endpoint string
	Status   int // 0: unanswered
}

const readCalls = `
SELECT at, endpoint, coalesce(status, 0)
FROM kos_call
WHERE at >= $1 AND client = 'bill-inquiry-service' AND endpoint = ANY($2)
ORDER BY at`

// readCalls returns the service's calls about bills and customers since a time, oldest first.
func fetchCalls(ctx context.Context, set secrets.Set, since time.Time) ([]KOSCall, error) {
	address := url.URL{
		Scheme: "postgres", Host: system.PostgresAddress,
		User: url.UserPassword("kos_mock", set["database-password-kos-mock"]),
		Path: "kos_mock", RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	found, err := conn.Query(ctx, readCalls, since, []string{kos.BillInquiry, kos.ProductInquiry})
	if err != nil {
		return nil, err
	}
	calls, err := pgx.CollectRows(found, pgx.RowToStructByPos[KOSCall])
	if err != nil {
		return nil, fmt.Errorf("read KOS's log: %w", err)
	}
	return calls, nil
}
