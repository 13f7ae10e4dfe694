-- The subscriber is sealed: see package seal. Only older releases write the document in
-- clear; the command `reseal` empties it.
ALTER TABLE known_subscriber ADD COLUMN sealed bytea;

---- create above / drop below ----

-- SQL cannot open sealed subscribers; KOS is called again for them.
ALTER TABLE known_subscriber DROP COLUMN sealed;
