-- Since when a signing key has been published, by whichever replica was the
-- first. A key signs only when every verifier has had the time to learn of it.
-- The keys themselves are in the secret store, never here.
create table signing_key (
    key_id          text        primary key,
    published_since timestamptz not null
);

---- create above / drop below ----

drop table signing_key;
