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

CREATE INDEX kos_call_by_endpoint ON kos_call (endpoint, at);

---- create above / drop below ----

DROP TABLE kos_call;
