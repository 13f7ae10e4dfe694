-- Failed logins in a row, per user id. Also for ids without an account: if they did not
-- lock, a lock would show that an account exists. An attempt is counted before its
-- password is verified. Rows that are unchanged for a day are ignored.
create table login_attempt (
    user_id      text        primary key, -- as sent by the client
    failures     integer     not null constraint login_attempt_failures_check check (failures >= 0),
    attempted_at timestamptz not null,
    locked_until timestamptz              -- null if the id is not locked
);

create index login_attempt_attempted_at_idx on login_attempt (attempted_at);

-- Logins and failed logins, with time and address. Kept for a year. An id without an
-- account is not stored, because users sometimes type their password there.
create table login_history (
    login_id   text        not null,
    at         timestamptz not null,
    user_id    text,
    outcome    text        not null
                           constraint login_history_outcome_check check (outcome in ('SUCCESS', 'FAILED', 'LOCKED', 'REFUSED')),
    address    inet,
    user_agent text        not null,
    primary key (login_id, at)
) partition by range (at);

create index login_history_user_idx on login_history (user_id, at desc, login_id desc) where user_id is not null;

create table login_history_default partition of login_history default;

---- create above / drop below ----

drop table login_history;
drop table login_attempt;
