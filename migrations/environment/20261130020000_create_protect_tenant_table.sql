-- expand: one function that protects a tenant's table, so that a new table needs nothing but its own migration.

-- Protects a table of tenants: refuses one whose keys lack the organization, forces row-level security with one policy for
-- each command, and grants the services' role (`claviger.app_role`) what is named. The comment of the table keeps the
-- grants, for `grants.sql` grants them anew after every migration.
create function protect_tenant_table(name text, privileges text default 'select, insert, update, delete') returns void
    language plpgsql
    set search_path = public, pg_catalog, pg_temp
    as $$
declare
    protected regclass := to_regclass(quote_ident(name));
    tenant smallint;
    fault text;
    mine constant text := 'organization_id = claviger_organization()';
begin
    if protected is null then
        raise exception 'protect_tenant_table: there is no table %', name;
    end if;
    if privileges !~ '^(select|insert|update|delete)(, (select|insert|update|delete))*$' then
        raise exception 'protect_tenant_table: % cannot be granted on %', privileges, name;
    end if;
    select attnum into tenant from pg_attribute
        where attrelid = protected and attname = 'organization_id' and attnotnull and atttypid = 'uuid'::regtype;
    if tenant is null then
        raise exception 'protect_tenant_table: % has no organization_id uuid not null', name;
    end if;
    if not exists (select 1 from pg_index where indrelid = protected and indisprimary and indkey[0] = tenant) then
        raise exception 'protect_tenant_table: the primary key of % does not begin with organization_id', name;
    end if;
    select indexrelid::regclass::text into fault from pg_index
        where indrelid = protected and indisunique and not tenant = any (indkey);
    if fault is not null then
        raise exception 'protect_tenant_table: % lacks organization_id', fault;
    end if;
    select f.conname into fault from pg_constraint f
        join pg_attribute target on target.attrelid = f.confrelid
            and target.attname = case f.confrelid when 'organizations'::regclass then 'id' else 'organization_id' end
        where f.conrelid = protected and f.contype = 'f'
          and not exists (
            select 1 from generate_subscripts(f.conkey, 1) n
            where f.conkey[n] = tenant and f.confkey[n] = target.attnum);
    if fault is not null then
        raise exception 'protect_tenant_table: % does not tie organization_id', fault;
    end if;
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy %I on %I for select using (%s)', name || '_select', name, mine);
    execute format('create policy %I on %I for insert with check (%s)', name || '_insert', name, mine);
    execute format('create policy %I on %I for update using (%s) with check (%s)', name || '_update', name, mine, mine);
    execute format('create policy %I on %I for delete using (%s)', name || '_delete', name, mine);
    execute format('comment on table %I is %L', name, 'tenant table: ' || privileges);
    execute format('grant %s on %I to %I', privileges, name, current_setting('claviger.app_role'));
end
$$;
revoke all on function protect_tenant_table(text, text) from public;
