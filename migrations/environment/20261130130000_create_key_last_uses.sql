-- expand: the minute of each key's last use, and indexes, so that keys are listed by last use and by end.

-- A key's secrets hold the instant of their last use, which changes all the time and is in no index for that reason. This is
-- what lists are sorted by: it moves once a minute at most. A key that was never used has -infinity, so that it has its place.
create table key_last_uses (
    organization_id uuid not null,
    key_id uuid not null,
    minute timestamptz not null,
    constraint key_last_uses_pkey primary key (organization_id, key_id)
);
-- No foreign key: a check for each row costs more than the row, and only the trigger below makes any.
create index key_last_uses_organization_minute_index on key_last_uses (organization_id, minute, key_id);
select protect_tenant_table('key_last_uses', 'select, insert, update, delete');

-- With the rights of whoever writes the key. A trigger, so that keys have their place whichever version of the program makes
-- them.
create function claviger_place_key() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if new.deleted_at is null then
        insert into key_last_uses (organization_id, key_id, minute) values (new.organization_id, new.id, '-infinity')
        on conflict do nothing;
    else
        delete from key_last_uses where organization_id = new.organization_id and key_id = new.id;
    end if;
    return null;
end
$$;
create trigger keys_place_trigger
    after insert or update of deleted_at on keys
    for each row execute function claviger_place_key();

-- Keys without an end come behind all others. The form of the expression is the one that row-level security lets an index
-- answer.
create index keys_organization_expires_at_index
    on keys (organization_id, (case when expires_at is null then 'infinity'::timestamptz else expires_at end), id)
    where deleted_at is null;
