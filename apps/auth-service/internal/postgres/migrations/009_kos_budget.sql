-- What is left of KOS's limits, for all replicas together: see package
-- kosbudget.
create table kos_budget (
    client   text        not null,
    endpoint text        not null,
    full_at  timestamptz not null, -- when nothing will be taken any more
    share    float8      not null default 1,       -- of the agreed rate that KOS allows
    share_at timestamptz not null default 'epoch', -- from then on the share grows
    primary key (client, endpoint)
);

---- create above / drop below ----

drop table kos_budget;
