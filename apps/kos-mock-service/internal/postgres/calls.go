package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// WriteAnswers records answers. It is idempotent.
func (s *Store) WriteAnswers(ctx context.Context, answers []behavior.Answer) error {
	ids, calledAt := make([]int64, len(answers)), make([]time.Time, len(answers))
	statuses, codes := make([]int, len(answers)), make([]string, len(answers))
	for i, answer := range answers {
		ids[i], calledAt[i] = answer.CallID, answer.CalledAt
		statuses[i], codes[i] = answer.Status, answer.ResultCode
	}
	_, err := s.pool.Exec(ctx, `
		UPDATE kos_call c SET status = a.status, result_code = a.code
		FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[], $4::text[]) AS a (id, at, status, code)
		WHERE c.id = a.id AND c.at = a.at`, ids, calledAt, statuses, codes)
	if err != nil {
		return fault("write answers", err)
	}
	return nil
}

// chosen selects the calls of a behavior.CallFilter. Without an endpoint all are listed, because
// the index begins with the endpoint.
const chosen = `
	endpoint = ANY (@endpoints) AND at >= @since
	AND (@client = '' OR client = @client)
	AND (@request_id = '' OR request_id = @request_id)
	AND (@line = '' OR line = @line)`

func arguments(filter behavior.CallFilter) pgx.NamedArgs {
	endpoints := behavior.Endpoints()
	if filter.Endpoint != "" {
		endpoints = []behavior.Endpoint{filter.Endpoint}
	}
	return pgx.NamedArgs{
		"endpoints": endpoints, "since": filter.Since, "client": filter.Client,
		"request_id": filter.RequestID, "line": filter.Line,
	}
}

// CountCalls counts the calls that reached KOS, over all replicas and restarts, by answer.
func (s *Store) CountCalls(ctx context.Context, filter behavior.CallFilter) ([]behavior.CallCount, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(status, 0), coalesce(result_code, ''), count(*)
		FROM kos_call WHERE `+chosen+`
		GROUP BY 1, 2 ORDER BY 1, 2`, arguments(filter))
	if err != nil {
		return nil, fault("count calls", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[behavior.CallCount])
	if err != nil {
		return nil, fault("count calls", err)
	}
	return counts, nil
}

// busiestWithin bounds the search for the busiest minute.
const busiestWithin = 24 * time.Hour

// BusiestMinute returns the maximum number of selected calls of one client at one endpoint that
// were admitted within 60 s of the last day. It includes unanswered calls.
func (s *Store) BusiestMinute(ctx context.Context, filter behavior.CallFilter) (int64, error) {
	if earliest := s.now().Add(-busiestWithin); filter.Since.Before(earliest) {
		filter.Since = earliest
	}
	var calls int64
	// As in call_window, a call leaves the window after exactly one minute.
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(max(calls), 0) FROM (
			SELECT count(*) OVER (PARTITION BY endpoint, client ORDER BY at
				RANGE BETWEEN interval '59.999999 s' PRECEDING AND CURRENT ROW) AS calls
			FROM kos_call WHERE status IS DISTINCT FROM 429 AND `+chosen+`
		) AS minute`, arguments(filter)).Scan(&calls)
	if err != nil {
		return 0, fault("find the busiest minute", err)
	}
	return calls, nil
}
