-- How endpoints were told to behave at run time; see behavior.Override.
CREATE TABLE endpoint_behavior (
    endpoint text PRIMARY KEY,
    override jsonb NOT NULL,
    version  bigint NOT NULL -- rises with every change
);

-- The answers still to be given, one row each, in the order of their ids; see
-- behavior.ScriptedStep.
CREATE TABLE scripted_step (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint text NOT NULL,
    line     text, -- pseudonym; null for any line
    step     jsonb NOT NULL
);

CREATE INDEX scripted_step_by_endpoint ON scripted_step (endpoint, id);

-- When a client was last let through, within the last minute: the log of a
-- sliding window. Its one row is what replicas queue for.
CREATE TABLE call_window (
    client   text NOT NULL,
    endpoint text NOT NULL,
    hits     timestamptz[] NOT NULL, -- ascending
    admitted boolean NOT NULL,       -- the last call
    PRIMARY KEY (client, endpoint)
) WITH (fillfactor = 50);

---- create above / drop below ----

DROP TABLE call_window;
DROP TABLE scripted_step;
DROP TABLE endpoint_behavior;
