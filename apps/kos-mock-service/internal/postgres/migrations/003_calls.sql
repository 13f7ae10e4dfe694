-- Calls that reached KOS. A row is written when the call arrives; status and code are
-- null until it is answered.
CREATE TABLE kos_call (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    endpoint    text NOT NULL,
    client      text NOT NULL,
    request_id  text NOT NULL,
    line        text NOT NULL, -- pseudonym; empty if the call is about no line
    status      smallint,
    result_code text,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE TABLE kos_call_default PARTITION OF kos_call DEFAULT;

-- Creates the first partitions. The service cannot add a partition for a month of which
-- the default partition already has rows.
DO $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    FOR i IN 1..2 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF kos_call FOR VALUES FROM (%L) TO (%L)',
            'kos_call_' || to_char(month, 'YYYYMM'), month || '+00', month + interval '1 month' || '+00');
        month := month + interval '1 month';
    END LOOP;
END $$;

CREATE INDEX kos_call_by_endpoint ON kos_call (endpoint, at);

---- create above / drop below ----

DROP TABLE kos_call;
