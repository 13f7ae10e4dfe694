-- Which sessions a user has. The state store is the truth about whether a
-- session is alive, but cannot be asked for the sessions of a user; this is
-- the index for that. A row outlives its session at most until expires_at.
create table user_session (
    session_id text        primary key,
    user_id    text        not null references app_user on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create index user_session_user_id_idx on user_session (user_id);
create index user_session_expires_at_idx on user_session (expires_at);

---- create above / drop below ----

drop table user_session;
