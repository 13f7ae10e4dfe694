-- Accounts. A user is a customer with one line, or an administrator with none.
create table app_user (
    user_id        text        primary key,
    user_name      text        not null,
    customer_id    text        constraint app_user_customer_id_key unique,
    line_number    text        constraint app_user_line_number_key unique,
    account_status text        not null default 'ACTIVE'
                               constraint app_user_account_status_check check (account_status in ('ACTIVE', 'DISABLED')),
    created_at     timestamptz not null default now(),
    constraint app_user_customer_check check ((customer_id is null) = (line_number is null))
);

-- Password hashes. A table of its own, so that reading a user does not read the hash.
create table credential (
    user_id       text        primary key references app_user on delete cascade,
    password_hash text        not null,
    changed_at    timestamptz not null default now()
);

create table user_permission (
    user_id    text        not null references app_user on delete cascade,
    permission text        not null
                           constraint user_permission_code_check check (permission in ('BILL_INQUIRY', 'PRODUCT_CHANGE', 'ADMIN')),
    granted_at timestamptz not null default now(),
    primary key (user_id, permission)
);

---- create above / drop below ----

drop table user_permission;
drop table credential;
drop table app_user;
