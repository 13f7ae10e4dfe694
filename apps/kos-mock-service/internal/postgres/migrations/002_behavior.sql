-- Overrides of the behaviour of endpoints, set at run time; see behavior.Override.
CREATE TABLE endpoint_behavior (
    endpoint text PRIMARY KEY,
    override jsonb NOT NULL,
    version  bigint NOT NULL -- incremented by every change
);

-- Scripted answers that are left, one per row, in order of ids; see
-- behavior.ScriptedStep.
CREATE TABLE scripted_step (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint text NOT NULL,
    line     text, -- pseudonym; null for any line
    step     jsonb NOT NULL
);

CREATE INDEX scripted_step_by_endpoint ON scripted_step (endpoint, id);

-- Sliding-window log of the rate limit: the admitted calls of a client within the last
-- minute. Replicas serialize on the row's lock.
CREATE TABLE call_window (
    client   text NOT NULL,
    endpoint text NOT NULL,
    hits     timestamptz[] NOT NULL, -- ascending
    admitted boolean NOT NULL,       -- whether the last call was admitted
    PRIMARY KEY (client, endpoint)
) WITH (fillfactor = 50);

---- create above / drop below ----

DROP TABLE call_window;
DROP TABLE scripted_step;
DROP TABLE endpoint_behavior;
