-- Names are sealed: see package seal. user_name is written by older software
-- only; `reseal` empties it.
alter table app_user add column sealed_name bytea;
alter table app_user alter column user_name set default '';

---- create above / drop below ----

-- What is sealed cannot be opened here: its users go on without a name.
alter table app_user alter column user_name drop default;
alter table app_user drop column sealed_name;
