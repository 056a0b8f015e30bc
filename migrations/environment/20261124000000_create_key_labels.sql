-- expand: permissions and tags of keys as rows, for lists by either of them.

-- One row for each permission and each tag of a key that has not been deleted. The operators that an index on the arrays
-- themselves would need are not leakproof, so that row-level security keeps them from being used.
create table key_labels (
    organization_id uuid not null,
    kind text not null,
    label text not null,
    -- Of the key: a page is read along the primary key.
    created_at timestamptz not null,
    key_id uuid not null,
    constraint key_labels_pkey primary key (organization_id, kind, label, created_at, key_id),
    constraint key_labels_kind_check check (kind in ('permission', 'tag'))
);
-- No foreign key: a check for each row costs more than the row, and only the trigger below writes any.

do $$
declare
    mine constant text := 'organization_id = claviger_organization()';
begin
    alter table key_labels enable row level security;
    alter table key_labels force row level security;
    execute format('create policy key_labels_select on key_labels for select using (%s)', mine);
    execute format('create policy key_labels_insert on key_labels for insert with check (%s)', mine);
    execute format('create policy key_labels_update on key_labels for update using (%s) with check (%s)', mine, mine);
    execute format('create policy key_labels_delete on key_labels for delete using (%s)', mine);
    -- The programs that run now fire the trigger below as soon as it is there, and before grants are made anew.
    execute format('grant select, insert, delete on key_labels to %I', current_setting('claviger.app_role'));
end
$$;

-- With the rights of whoever writes the key, so that it reaches no row that he could not. A trigger, so that keys have
-- their labels whichever version of the program makes them.
create function claviger_label_key() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'UPDATE' then
        if (old.permissions, old.tags, old.created_at, old.deleted_at)
            is not distinct from (new.permissions, new.tags, new.created_at, new.deleted_at)
        then
            return null;
        end if;
        delete from key_labels l
        using (select 'permission', unnest(old.permissions) union select 'tag', unnest(old.tags)) gone (kind, label)
        where l.organization_id = old.organization_id and l.kind = gone.kind and l.label = gone.label
            and l.created_at = old.created_at and l.key_id = old.id;
    end if;
    if new.deleted_at is null then
        insert into key_labels (organization_id, kind, label, created_at, key_id)
        select new.organization_id, made.kind, made.label, new.created_at, new.id
        from (select 'permission', unnest(new.permissions) union select 'tag', unnest(new.tags)) made (kind, label)
        where made.label is not null
        on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger keys_label_trigger
    after insert or update of permissions, tags, created_at, deleted_at on keys
    for each row execute function claviger_label_key();
