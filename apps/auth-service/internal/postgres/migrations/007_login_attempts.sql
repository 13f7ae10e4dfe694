-- How often in a row somebody who claimed an id, ours or not, was wrong about
-- its password: an id that nobody has must lock like any other, or the lock
-- would tell who exists. An attempt is counted before its password is looked
-- at. A row that was not touched for a day counts for nothing.
create table login_attempt (
    user_id      text        primary key, -- as typed
    failures     integer     not null constraint login_attempt_failures_check check (failures >= 0),
    attempted_at timestamptz not null,
    locked_until timestamptz              -- null while there are too few failures
);

create index login_attempt_attempted_at_idx on login_attempt (attempted_at);

-- Who logged in, or tried to, when and from where. Kept for a year. What was
-- typed as an id that nobody has is not kept: people type passwords there.
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
