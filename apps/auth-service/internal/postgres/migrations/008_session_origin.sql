-- Origin of a session, shown to its user.
alter table user_session
    add column auto_login boolean not null default false,
    add column address    inet,
    add column user_agent text    not null default '';

drop index user_session_user_id_idx;
create index user_session_user_id_idx on user_session (user_id, created_at desc);

---- create above / drop below ----

drop index user_session_user_id_idx;
create index user_session_user_id_idx on user_session (user_id);

alter table user_session
    drop column auto_login,
    drop column address,
    drop column user_agent;
