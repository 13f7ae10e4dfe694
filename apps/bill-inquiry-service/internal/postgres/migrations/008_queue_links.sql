-- Traces of the requests that joined a queued item. The previous release writes none.
ALTER TABLE kos_queue ADD COLUMN links text[] NOT NULL DEFAULT '{}';

---- create above / drop below ----

ALTER TABLE kos_queue DROP COLUMN links;
