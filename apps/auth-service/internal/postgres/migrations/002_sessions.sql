-- Index of sessions by user. The state store decides whether a session is valid, but
-- cannot list the sessions of a user. A row may outlive its session, until expires_at.
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
