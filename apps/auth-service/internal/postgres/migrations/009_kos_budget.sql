-- The budget of KOS's rate limits, shared by all replicas: see package
-- apps/internal/kos/budget.
create table kos_budget (
    client   text        not null,
    endpoint text        not null,
    full_at  timestamptz not null, -- when all taken calls are given back
    share    float8      not null default 1,       -- part of the agreed rate that KOS accepts
    share_at timestamptz not null default 'epoch', -- since when the share grows
    primary key (client, endpoint)
);

---- create above / drop below ----

drop table kos_budget;
