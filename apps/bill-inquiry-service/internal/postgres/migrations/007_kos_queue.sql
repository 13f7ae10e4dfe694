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

-- During a rollout, replicas of the previous release use waiting_fetch. Triggers copy
-- their items to kos_queue, where they are left to the previous release for 30 s. An item
-- that either release has fetched is deleted from both tables. The next migration drops
-- these triggers, waiting_fetch and resting_endpoint.
INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, position, payload, enqueued_at, due_at, failing_since)
SELECT endpoint, line_number || ' ' || billing_month, line_number, class, round, nextval('kos_queue_position'),
       jsonb_build_object('requestId', request_id, 'unattributed', '')
           || CASE WHEN class = 1 THEN jsonb_build_object('reason', reason) ELSE '{}' END
           || (SELECT coalesce(jsonb_object_agg('customer ' || id, ''), '{}') FROM unnest(customers) AS id),
       since, clock_timestamp() + interval '30 seconds', failing_since
FROM (SELECT * FROM waiting_fetch ORDER BY place) AS waiting;

CREATE FUNCTION kos_queue_mirror_old() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kos_queue AS held (endpoint, dedup_key, ordering_key, class, round, payload, due_at)
        VALUES (NEW.endpoint, NEW.line_number || ' ' || NEW.billing_month, NEW.line_number, NEW.class, NEW.round,
                jsonb_build_object('requestId', NEW.request_id, 'unattributed', '')
                    || CASE WHEN NEW.class = 1 THEN jsonb_build_object('reason', NEW.reason) ELSE '{}' END,
                clock_timestamp() + interval '30 seconds')
        ON CONFLICT (endpoint, dedup_key) DO UPDATE SET payload = held.payload || '{"unattributed": ""}';
    ELSE
        DELETE FROM kos_queue WHERE endpoint = OLD.endpoint AND dedup_key = OLD.line_number || ' ' || OLD.billing_month;
    END IF;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER INSERT OR DELETE ON waiting_fetch
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_old();

CREATE FUNCTION kos_queue_mirror_new() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    DELETE FROM waiting_fetch WHERE endpoint = OLD.endpoint AND line_number || ' ' || billing_month = OLD.dedup_key AND line_number = OLD.ordering_key;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER DELETE ON kos_queue
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_new();

---- create above / drop below ----

DROP TRIGGER kos_queue_mirror ON waiting_fetch;
DROP TABLE kos_outage;
DROP TABLE kos_queue;
DROP SEQUENCE kos_queue_position;
DROP FUNCTION kos_queue_mirror_old;
DROP FUNCTION kos_queue_mirror_new;
