package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
)

var _ behavior.Ledger = (*Store)(nil)

// admit is one statement, so that a call needs one round trip and is recorded atomically.
//
// The upsert locks the row of the window, and its expressions see the row as the previous call left
// it, so that the limit is exact over all replicas. The time in the row is monotonic, also if
// clocks of replicas differ. If two concurrent calls match the same scripted step, SKIP LOCKED
// gives the second call the next one. The rules for troubles are those of behavior.Trouble.
const admit = `
WITH current_behavior AS (
	SELECT coalesce(b.version, 0) AS version, coalesce(b.override, '{}') AS override, t.trouble
	FROM (VALUES (@endpoint)) AS asked (endpoint)
	LEFT JOIN endpoint_behavior b USING (endpoint)
	LEFT JOIN LATERAL (SELECT b.override->'trouble') AS t (trouble)
		ON (t.trouble->>'since')::timestamptz <= @at AND (t.trouble->>'until')::timestamptz > @at
		   AND coalesce(t.trouble->>'line', @line) = @line
), rules AS (
	SELECT version, override, trouble IS NOT NULL AS troubled,
	       coalesce((trouble->>'limitPerMinute')::int, (override->>'limitPerMinute')::int, @limit) AS quota
	FROM current_behavior
), used AS (
	INSERT INTO call_window AS w (client, endpoint, hits, admitted)
	SELECT @client, @endpoint, ARRAY[@at::timestamptz], true FROM rules WHERE quota > 0
	ON CONFLICT (client, endpoint) DO UPDATE SET (hits, admitted) = (
		SELECT CASE WHEN count(hit) < max(quota)
		            THEN coalesce(array_agg(hit ORDER BY hit) FILTER (WHERE hit IS NOT NULL), '{}') || max(clock.at)
		            ELSE array_agg(hit ORDER BY hit) END,
		       count(hit) < max(quota)
		FROM rules
		CROSS JOIN (SELECT greatest(@at, w.hits[cardinality(w.hits)]) AS at) AS clock
		LEFT JOIN unnest(w.hits) AS hit ON hit > clock.at - interval '1 minute'
	)
	RETURNING admitted, hits
), script AS (
	DELETE FROM scripted_step WHERE id = (
		SELECT id FROM scripted_step s
		WHERE s.endpoint = @endpoint AND (s.line IS NULL OR s.line = @line)
		  AND NOT EXISTS (SELECT FROM used WHERE NOT admitted)
		  AND NOT (SELECT troubled FROM rules)
		ORDER BY id LIMIT 1 FOR UPDATE OF s SKIP LOCKED
	) RETURNING step
), call AS (
	INSERT INTO kos_call (at, endpoint, client, request_id, line)
	VALUES (@at, @endpoint, @client, @request_id, @line)
	RETURNING id
)
SELECT call.id, rules.version, rules.override, (SELECT step FROM script) AS step,
       coalesce(NOT used.admitted, false) AS limited,
       used.hits[cardinality(used.hits) - rules.quota + 1] AS leaves_next
FROM call CROSS JOIN rules LEFT JOIN used ON true`

// window is the length of the sliding window.
const window = time.Minute

// Admit implements behavior.Ledger.
func (s *Store) Admit(ctx context.Context, call behavior.Call) (behavior.Admission, error) {
	var admission behavior.Admission
	var leavesNext *time.Time
	err := s.pool.QueryRow(ctx, admit, pgx.NamedArgs{
		"endpoint": string(call.Endpoint), "client": call.Client, "request_id": call.RequestID,
		"line": call.Line, "at": call.At, "limit": call.Limit,
	}).Scan(&admission.CallID, &admission.Version, &admission.Override, &admission.Step, &admission.Limited, &leavesNext)
	if err != nil {
		return behavior.Admission{}, fault("admit call", err)
	}
	if admission.Limited {
		admission.RetryAfter = max(leavesNext.Add(window).Sub(call.At), 0)
	}
	return admission, nil
}

// Version implements behavior.Ledger.
func (s *Store) Version(ctx context.Context, endpoint behavior.Endpoint) (int64, error) {
	var version int64
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce(max(version), 0) FROM endpoint_behavior WHERE endpoint = $1`, string(endpoint)).Scan(&version)
	if err != nil {
		return 0, fault("read behavior version", err)
	}
	return version, nil
}
