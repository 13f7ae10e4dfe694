-- Audit trail: administrative acts and denied accesses. Append-only; the partition of a
-- month is dropped after two years. Ids are the only personal data, and line numbers
-- are masked.
CREATE TABLE audit_event (
    event_id   uuid        NOT NULL,
    at         timestamptz NOT NULL,
    actor      text        NOT NULL,
    session_id text        NOT NULL,
    action     text        NOT NULL,
    target     text        NOT NULL,
    detail     text        NOT NULL,
    outcome    text        NOT NULL CHECK (outcome IN ('DONE', 'UNCHANGED', 'DENIED')),
    trace_id   text        NOT NULL,
    address    text        NOT NULL,
    PRIMARY KEY (event_id, at)
) PARTITION BY RANGE (at);

CREATE INDEX audit_event_at_idx ON audit_event (at DESC, event_id DESC);
CREATE INDEX audit_event_actor_idx ON audit_event (actor, at DESC, event_id DESC);
CREATE INDEX audit_event_target_idx ON audit_event (target, at DESC, event_id DESC);
CREATE TABLE audit_event_default PARTITION OF audit_event DEFAULT;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$refuse$;

-- Applies to all partitions, also future ones. It does not apply while maintenance has
-- detached a partition to sort its rows.
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
-- Partitions do not inherit this trigger: maintenance creates it with each partition.
CREATE TRIGGER audit_refuse BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_refuse BEFORE TRUNCATE ON audit_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

---- create above / drop below ----

DROP TABLE audit_event;
DROP FUNCTION audit_refuse;
