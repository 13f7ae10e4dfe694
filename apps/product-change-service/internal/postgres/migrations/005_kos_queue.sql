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

-- This waits for the transactions in which replicas of the previous release accept or end
-- changes, and holds up others until the tables are mirrored. Those replicas lock this
-- table before known_subscriber.
LOCK TABLE running_change IN SHARE ROW EXCLUSIVE MODE;

-- Number of completed plan changes of the line. A request that was checked before a
-- change completed is not accepted after it.
ALTER TABLE known_subscriber ADD COLUMN changes bigint NOT NULL DEFAULT 0;

-- During a rollout or a rollback, replicas of the previous release use running_change.
-- Triggers keep a row for each change in progress in both tables, so that a line has at
-- most one change in progress, whichever release accepts it. A change that one release
-- leaves unfinished is taken over by the other after a minute. Both may then order it at
-- KOS, which carries out a request id once. The next migration drops the triggers.
INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, position, payload, enqueued_at, due_at, in_doubt, attempted_at)
SELECT 'product-change', line_number, line_number, 0, 0, nextval('kos_queue_position'),
       jsonb_build_object('requestId', request_id), requested_at, clock_timestamp() + interval '1 minute', asked, asked_at
FROM (SELECT * FROM running_change ORDER BY place) AS waiting;

CREATE FUNCTION kos_queue_mirror_old() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, payload, due_at)
        VALUES ('product-change', NEW.line_number, NEW.line_number, 0, 0,
                jsonb_build_object('requestId', NEW.request_id), clock_timestamp() + interval '1 minute')
        ON CONFLICT DO NOTHING;
    ELSIF TG_OP = 'UPDATE' THEN -- an order was given: its outcome is not known
        UPDATE kos_queue SET in_doubt = in_doubt OR NEW.asked, attempted_at = greatest(attempted_at, NEW.asked_at)
        WHERE endpoint = 'product-change' AND dedup_key = NEW.line_number;
    ELSE
        DELETE FROM kos_queue
        WHERE endpoint = 'product-change' AND dedup_key = OLD.line_number AND payload->>'requestId' = OLD.request_id::text;
    END IF;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER INSERT OR UPDATE OR DELETE ON running_change
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_old();

CREATE FUNCTION kos_queue_mirror_new() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF coalesce(NEW.endpoint, OLD.endpoint) <> 'product-change' THEN
        RETURN NULL; -- the previous release queues changes only
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO running_change (line_number, request_id, requested_at, due_at, aside)
        VALUES (NEW.dedup_key, (NEW.payload->>'requestId')::uuid, NEW.enqueued_at, clock_timestamp() + interval '1 minute', true);
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE running_change
        SET asked = asked OR NEW.in_doubt, asked_at = greatest(asked_at, NEW.attempted_at), due_at = greatest(due_at, clock_timestamp() + interval '1 minute')
        WHERE line_number = NEW.dedup_key;
    ELSE
        DELETE FROM running_change WHERE line_number = OLD.dedup_key AND request_id::text = OLD.payload->>'requestId';
    END IF;
    RETURN NULL;
END
$mirror$;

CREATE TRIGGER kos_queue_mirror AFTER INSERT OR UPDATE OR DELETE ON kos_queue
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION kos_queue_mirror_new();

---- create above / drop below ----

ALTER TABLE known_subscriber DROP COLUMN changes;
DROP TRIGGER kos_queue_mirror ON running_change;
DROP TABLE kos_outage;
DROP TABLE kos_queue;
DROP SEQUENCE kos_queue_position;
DROP FUNCTION kos_queue_mirror_old;
DROP FUNCTION kos_queue_mirror_new;
