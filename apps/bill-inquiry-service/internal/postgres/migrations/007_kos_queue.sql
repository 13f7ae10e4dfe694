-- See package apps/internal/kos/queue.
CREATE SEQUENCE kos_queue_position;

CREATE TABLE kos_queue (
    item_id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint      text        NOT NULL,
    dedup_key     text        NOT NULL,
    ordering_key  text        NOT NULL,
    class         smallint    NOT NULL CHECK (class IN (0, 1)), -- interactive, background
    round         bigint      NOT NULL, -- of the round-robin of ordering keys
    position      bigint      NOT NULL DEFAULT nextval('kos_queue_position'),
    payload       jsonb       NOT NULL,
    enqueued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(), -- set aside until then
    claims        bigint      NOT NULL DEFAULT 0, -- how often it was claimed
    lease_until   timestamptz,                    -- claimed until then
    in_doubt      boolean     NOT NULL DEFAULT false, -- KOS may have acted on an attempt
    attempted_at  timestamptz,                    -- when that attempt began
    unanswered    integer     NOT NULL DEFAULT 0, -- attempts that KOS left without an answer
    failing_since timestamptz,                    -- time of the first of them
    traceparent   text        NOT NULL DEFAULT '', -- trace that enqueued it
    UNIQUE (endpoint, dedup_key)
);

CREATE INDEX kos_queue_in_order ON kos_queue (endpoint, class, round, position);
CREATE INDEX kos_queue_of_key ON kos_queue (endpoint, ordering_key, class, round);

CREATE TABLE kos_outage (
    endpoint text        PRIMARY KEY,
    until    timestamptz NOT NULL, -- KOS is not called before then
    since    timestamptz           -- when the outage began; null when it is over
);

-- During a rollout or a rollback, replicas of the previous release use waiting_fetch.
-- Triggers keep a row for each fetch in both tables. A fetch is left for 30 s to the
-- release that has enqueued it, and to one that has claimed it until its lease ends. A
-- fetch that either release has completed is deleted from both tables. The next migration
-- drops the triggers, waiting_fetch and resting_endpoint.

-- This waits for the transactions in which replicas of the previous release enqueue or end
-- fetches, and holds up others until the tables are mirrored.
LOCK TABLE waiting_fetch IN SHARE ROW EXCLUSIVE MODE;

CREATE FUNCTION kos_queue_payload(customers text[]) RETURNS jsonb LANGUAGE sql
RETURN (SELECT coalesce(jsonb_object_agg('customer ' || id, ''), '{}') FROM unnest(customers) AS id);

CREATE FUNCTION kos_queue_customers(payload jsonb) RETURNS text[] LANGUAGE sql
RETURN ARRAY(SELECT substr(member, 10) FROM jsonb_object_keys(payload) AS member WHERE member LIKE 'customer _%');

INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, position, payload, enqueued_at, due_at, failing_since)
SELECT endpoint, line_number || ' ' || billing_month, line_number, class, round, nextval('kos_queue_position'),
       jsonb_build_object('requestId', request_id, 'unattributed', '') || kos_queue_payload(customers)
           || CASE WHEN class = 1 THEN jsonb_build_object('reason', reason) ELSE '{}' END,
       since, clock_timestamp() + interval '30 seconds', failing_since
FROM (SELECT * FROM waiting_fetch ORDER BY place) AS waiting;

-- Either release updates a row of the other table only if that is not locked: waiting for
-- it while the other release waits for a row of this one would be a deadlock.
CREATE FUNCTION kos_queue_mirror_old() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kos_queue AS held (endpoint, dedup_key, ordering_key, class, round, payload, due_at)
        VALUES (NEW.endpoint, NEW.line_number || ' ' || NEW.billing_month, NEW.line_number, NEW.class, NEW.round,
                jsonb_build_object('requestId', NEW.request_id, 'unattributed', '') || kos_queue_payload(NEW.customers)
                    || CASE WHEN NEW.class = 1 THEN jsonb_build_object('reason', NEW.reason) ELSE '{}' END,
                clock_timestamp() + interval '30 seconds')
        ON CONFLICT (endpoint, dedup_key) DO UPDATE SET payload = excluded.payload || held.payload;
    ELSIF TG_OP = 'UPDATE' THEN -- customers have joined, or a replica has claimed the fetch
        UPDATE kos_queue
        SET class = least(class, NEW.class), round = CASE WHEN NEW.class < class THEN NEW.round ELSE round END,
            payload = payload || kos_queue_payload(NEW.customers), due_at = greatest(due_at, NEW.taken_until)
        WHERE item_id = (SELECT item_id FROM kos_queue
                         WHERE endpoint = NEW.endpoint AND dedup_key = NEW.line_number || ' ' || NEW.billing_month
                         FOR UPDATE SKIP LOCKED);
    ELSE
        DELETE FROM kos_queue WHERE endpoint = OLD.endpoint AND dedup_key = OLD.line_number || ' ' || OLD.billing_month;
    END IF;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER INSERT OR DELETE ON waiting_fetch
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_old();

CREATE TRIGGER kos_queue_mirror_update AFTER UPDATE OF class, customers, taken_until ON waiting_fetch
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (
        NEW.class <> OLD.class OR NEW.customers <> OLD.customers OR NEW.taken_until IS NOT NULL))
    EXECUTE FUNCTION kos_queue_mirror_old();

CREATE FUNCTION kos_queue_mirror_new() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO waiting_fetch (endpoint, line_number, billing_month, request_id, class, round, since, due_at, refresh, reason, customers)
        VALUES (NEW.endpoint, NEW.ordering_key, substr(NEW.dedup_key, length(NEW.ordering_key) + 2), (NEW.payload->>'requestId')::uuid,
                NEW.class, NEW.round, NEW.enqueued_at, clock_timestamp() + interval '30 seconds', NEW.class = 1,
                coalesce(NEW.payload->>'reason', ''), kos_queue_customers(NEW.payload))
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'UPDATE' THEN -- customers have joined, or a replica has claimed the item
        UPDATE waiting_fetch
        SET class = least(class, NEW.class), round = CASE WHEN NEW.class < class THEN NEW.round ELSE round END,
            customers = ARRAY(SELECT unnest(customers) UNION SELECT unnest(kos_queue_customers(NEW.payload))),
            due_at = greatest(due_at, NEW.lease_until)
        WHERE fetch_id = (SELECT fetch_id FROM waiting_fetch
                          WHERE line_number = NEW.ordering_key AND line_number || ' ' || billing_month = NEW.dedup_key
                          FOR UPDATE SKIP LOCKED);
    ELSE
        DELETE FROM waiting_fetch WHERE line_number = OLD.ordering_key AND line_number || ' ' || billing_month = OLD.dedup_key;
    END IF;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER INSERT OR DELETE ON kos_queue
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_new();

CREATE TRIGGER kos_queue_mirror_update AFTER UPDATE OF class, payload, lease_until ON kos_queue
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND (
        NEW.class <> OLD.class OR NEW.payload <> OLD.payload OR NEW.lease_until IS DISTINCT FROM OLD.lease_until AND NEW.lease_until IS NOT NULL))
    EXECUTE FUNCTION kos_queue_mirror_new();

---- create above / drop below ----

DROP TRIGGER kos_queue_mirror ON waiting_fetch;
DROP TRIGGER kos_queue_mirror_update ON waiting_fetch;
DROP TABLE kos_outage;
DROP TABLE kos_queue;
DROP SEQUENCE kos_queue_position;
DROP FUNCTION kos_queue_mirror_old;
DROP FUNCTION kos_queue_mirror_new;
DROP FUNCTION kos_queue_payload;
DROP FUNCTION kos_queue_customers;
