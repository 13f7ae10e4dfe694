package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

// WriteAnswers notes what calls got. Repeating it does no harm.
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

// CountCalls counts the calls that reached KOS, over all replicas and
// restarts, by what they got.
func (s *Store) CountCalls(ctx context.Context, filter behavior.CallFilter) ([]behavior.CallCount, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(status, 0), coalesce(result_code, ''), count(*)
		FROM kos_call
		WHERE at >= @since
		  AND (@endpoint = '' OR endpoint = @endpoint)
		  AND (@client = '' OR client = @client)
		  AND (@request_id = '' OR request_id = @request_id)
		  AND (@line = '' OR line = @line)
		GROUP BY 1, 2 ORDER BY 1, 2`, pgx.NamedArgs{
		"since": filter.Since, "endpoint": string(filter.Endpoint), "client": filter.Client,
		"request_id": filter.RequestID, "line": filter.Line,
	})
	if err != nil {
		return nil, fault("count calls", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[behavior.CallCount])
	if err != nil {
		return nil, fault("count calls", err)
	}
	return counts, nil
}
