-- Every call that reached KOS, written when it arrives. Status and code are
-- null until it is answered, and stay so if it never is.
CREATE TABLE kos_call (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    endpoint    text NOT NULL,
    client      text NOT NULL,
    request_id  text NOT NULL,
    line        text NOT NULL, -- pseudonym; empty if no line was named
    status      smallint,
    result_code text,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE TABLE kos_call_default PARTITION OF kos_call DEFAULT;

-- The first months, so that no call is in the default partition's way when the
-- service adds the next ones.
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
