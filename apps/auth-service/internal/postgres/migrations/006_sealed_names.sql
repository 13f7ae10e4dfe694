-- Names are sealed: see package seal. Only older releases write user_name; the command
-- `reseal` empties it.
alter table app_user add column sealed_name bytea;
alter table app_user alter column user_name set default '';

---- create above / drop below ----

-- SQL cannot open sealed names: these users have no name afterwards.
alter table app_user alter column user_name drop default;
alter table app_user drop column sealed_name;
