-- The previous release has all fetches in kos_queue and does not read waiting_fetch: the
-- mirrors of migration 007 are not needed any more, nor are fetches of customers and the
-- jobs of releases before it.
DO $jobs$
BEGIN
    IF to_regclass('river_job') IS NOT NULL THEN -- River's migrations run after these
        DELETE FROM river_job WHERE queue IN ('upkeep', 'bill-inquiry', 'product-inquiry');
    END IF;
END
$jobs$;

-- Replicas of the previous release lock kos_queue, then, in its triggers, waiting_fetch.
-- This locks them in the same order.
DROP TRIGGER kos_queue_mirror ON kos_queue;
DROP TRIGGER kos_queue_mirror_update ON kos_queue;
DELETE FROM kos_queue WHERE endpoint = 'product-inquiry';

DROP TABLE waiting_fetch;
DROP TABLE resting_endpoint;
DROP SEQUENCE waiting_place;
DROP FUNCTION kos_queue_mirror_old;
DROP FUNCTION kos_queue_mirror_new;
DROP FUNCTION kos_queue_payload;
DROP FUNCTION kos_queue_customers;

---- create above / drop below ----

-- As after migration 007, with the fetches that are queued.
LOCK TABLE kos_queue IN SHARE ROW EXCLUSIVE MODE;

CREATE SEQUENCE waiting_place;

CREATE TABLE waiting_fetch (
    fetch_id      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    endpoint      text        NOT NULL,
    line_number   text        NOT NULL,
    billing_month text        NOT NULL, -- '': the customer of the line
    request_id    uuid        NOT NULL, -- sent to KOS
    class         smallint    NOT NULL CHECK (class IN (0, 1)), -- interactive, background
    round         bigint      NOT NULL, -- of the round-robin of lines
    place         bigint      NOT NULL DEFAULT nextval('waiting_place'),
    since         timestamptz NOT NULL,
    due_at        timestamptz NOT NULL, -- set aside until then
    refresh       boolean     NOT NULL, -- fetch even if there is a cached copy
    reason        text        NOT NULL, -- of a prefetch
    taken_until   timestamptz,          -- claimed until then
    tries         integer     NOT NULL DEFAULT 0, -- attempts without an answer of KOS
    failing_since timestamptz,
    customers     text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (line_number, billing_month)
);

CREATE INDEX waiting_fetch_in_line ON waiting_fetch (endpoint, class, round, place);
CREATE INDEX waiting_fetch_of_line ON waiting_fetch (line_number, class, round);

-- Outages of KOS's endpoints: when they began, and until when KOS is not called.
CREATE TABLE resting_endpoint (
    endpoint    text        PRIMARY KEY,
    rests_until timestamptz NOT NULL,
    away_since  timestamptz
);

CREATE FUNCTION kos_queue_payload(customers text[]) RETURNS jsonb LANGUAGE sql
RETURN (SELECT coalesce(jsonb_object_agg('customer ' || id, ''), '{}') FROM unnest(customers) AS id);

CREATE FUNCTION kos_queue_customers(payload jsonb) RETURNS text[] LANGUAGE sql
RETURN ARRAY(SELECT substr(member, 10) FROM jsonb_object_keys(payload) AS member WHERE member LIKE 'customer _%');

INSERT INTO waiting_fetch (endpoint, line_number, billing_month, request_id, class, round, since, due_at, refresh, reason, customers)
SELECT endpoint, ordering_key, substr(dedup_key, length(ordering_key) + 2), (payload->>'requestId')::uuid, class, round,
       enqueued_at, clock_timestamp() + interval '30 seconds', class = 1, coalesce(payload->>'reason', ''), kos_queue_customers(payload)
FROM (SELECT * FROM kos_queue ORDER BY position) AS queued;

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
