-- The previous release has all changes in kos_queue and does not read running_change: the
-- mirrors of migration 005 are not needed any more, nor are the jobs of releases before it.
DO $jobs$
BEGIN
    IF to_regclass('river_job') IS NOT NULL THEN -- River's migrations run after these
        DELETE FROM river_job WHERE queue IN ('upkeep', 'changes');
    END IF;
END
$jobs$;

-- Replicas of the previous release lock kos_queue, then, in its trigger, running_change.
-- This locks them in the same order.
DROP TRIGGER kos_queue_mirror ON kos_queue;
DROP TABLE running_change;
DROP FUNCTION kos_queue_mirror_old;
DROP FUNCTION kos_queue_mirror_new;

---- create above / drop below ----

-- As after migration 005, with the changes that are queued.
LOCK TABLE kos_queue IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE running_change (
    line_number  text        PRIMARY KEY,
    request_id   uuid        NOT NULL UNIQUE,
    requested_at timestamptz NOT NULL,
    place        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    due_at       timestamptz NOT NULL,               -- time of the next attempt
    aside        boolean     NOT NULL DEFAULT false, -- set aside: others pass it
    asked        boolean     NOT NULL DEFAULT false, -- an order was sent to KOS and its outcome is unknown
    asked_at     timestamptz,                        -- when it was last sent
    unanswered   integer     NOT NULL DEFAULT 0      -- calls in a row without an answer
);

CREATE INDEX running_change_in_line ON running_change (place) WHERE NOT aside;

INSERT INTO running_change (line_number, request_id, requested_at, due_at, aside, asked, asked_at)
SELECT dedup_key, (payload->>'requestId')::uuid, enqueued_at, clock_timestamp() + interval '1 minute', true, in_doubt, attempted_at
FROM (SELECT * FROM kos_queue WHERE endpoint = 'product-change' ORDER BY position) AS queued;

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
