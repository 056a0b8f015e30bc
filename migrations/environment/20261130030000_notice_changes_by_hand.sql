-- expand: a row that somebody changes by hand gets a new version and an outbox row, so that the key service hears of it.

-- With the rights of whoever changes the row, so that it reaches no row that they could not.
create function claviger_tell_change() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    changed record;
    tenant uuid;
begin
    if tg_op = 'DELETE' then
        changed := old;
        changed.generation := old.generation + 1;
    else
        new.generation := old.generation + 1;
        changed := new;
    end if;
    tenant := case tg_argv[0] when 'organization' then changed.id else (to_jsonb(changed) ->> 'organization_id')::uuid end;
    insert into outbox (organization_id, id, subject_kind, subject_id, generation, created_at)
    values (tenant, gen_random_uuid(), tg_argv[0], changed.id, changed.generation, clock_timestamp());
    return changed;
end
$$;

-- The programs raise the version themselves; nobody else does.
create trigger keys_tell_trigger before update on keys for each row
    when (new.generation = old.generation and new is distinct from old)
    execute function claviger_tell_change('key');
create trigger keys_tell_deleted_trigger before delete on keys for each row
    execute function claviger_tell_change('key');
create trigger organizations_tell_trigger before update on organizations for each row
    when (new.generation = old.generation and new is distinct from old)
    execute function claviger_tell_change('organization');
create trigger customers_tell_trigger before update on customers for each row
    when (new.generation = old.generation and new is distinct from old)
    execute function claviger_tell_change('customer');

-- What belongs to a key has no version of its own. At the end of the transaction the key has been changed in it, too, or
-- is now.
create function claviger_tell_part() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    part record := case tg_op when 'DELETE' then old else new end;
begin
    update keys set updated_at = clock_timestamp()
    where organization_id = part.organization_id and id = part.key_id and xmin <> pg_current_xact_id()::xid;
    return null;
end
$$;

-- Not of a use: that is no part of what proves a key.
create constraint trigger secrets_tell_trigger
    after update of key_id, lookup_id, hash, hash_scheme, pepper_id, retires_at, is_compromised on secrets
    deferrable initially deferred for each row
    execute function claviger_tell_part();
-- A secret that is over is cleared away without a word.
create constraint trigger secrets_tell_deleted_trigger
    after delete on secrets
    deferrable initially deferred for each row
    when (old.retires_at is null)
    execute function claviger_tell_part();
create constraint trigger key_customers_tell_trigger
    after insert or update or delete on key_customers
    deferrable initially deferred for each row
    execute function claviger_tell_part();
