-- Accounts can be suspended by an administrator.
alter table app_user drop constraint app_user_account_status_check;
update app_user set account_status = 'SUSPENDED' where account_status = 'DISABLED';
alter table app_user add constraint app_user_account_status_check check (account_status in ('ACTIVE', 'SUSPENDED'));

-- The administrator who granted the permission, by user id, or "system" for automatic
-- grants, such as the permissions of a new customer.
alter table user_permission add column granted_by text not null default 'system';

-- Permissions that were revoked. A table of its own, so that no query can mistake a
-- revoked permission for a granted one.
create table revoked_permission (
    user_id    text        not null references app_user on delete cascade,
    permission text        not null,
    granted_by text        not null,
    granted_at timestamptz not null,
    revoked_by text        not null,
    revoked_at timestamptz not null,
    primary key (user_id, permission, revoked_at)
);

-- For searches by a prefix of an id or line number. Collation "C" orders by bytes, so
-- the rows with a prefix are one range of the index.
create index app_user_user_id_prefix_idx on app_user (user_id collate "C");
create index app_user_customer_id_prefix_idx on app_user (customer_id collate "C");
create index app_user_line_number_prefix_idx on app_user (line_number collate "C");
create index user_permission_admin_idx on user_permission (user_id) where permission = 'ADMIN';

---- create above / drop below ----

drop index user_permission_admin_idx;
drop index app_user_line_number_prefix_idx;
drop index app_user_customer_id_prefix_idx;
drop index app_user_user_id_prefix_idx;
drop table revoked_permission;
alter table user_permission drop column granted_by;
alter table app_user drop constraint app_user_account_status_check;
update app_user set account_status = 'DISABLED' where account_status = 'SUSPENDED';
alter table app_user add constraint app_user_account_status_check check (account_status in ('ACTIVE', 'DISABLED'));
