-- When each signing key was first published by any replica. A key signs tokens only
-- after every verifier has had time to read it. The keys are in the secret store.
create table signing_key (
    key_id          text        primary key,
    published_since timestamptz not null
);

---- create above / drop below ----

drop table signing_key;
