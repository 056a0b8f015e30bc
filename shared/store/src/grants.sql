-- What the services' role may do, table by table: no more than its statements need. Run after every migration.
do $$
declare
    app text := current_setting('claviger.app_role');
    entry record;
begin
    execute format('revoke all on all tables in schema public from %I', app);
    execute format('revoke create on schema public from public, %I', app);
    execute format('grant usage on schema public to %I', app);
    for entry in
        select * from (values
            ('organizations', 'select, insert, update'),
            ('customers', 'select, insert, update, delete'),
            ('domains', 'select, insert, update, delete'),
            ('keys', 'select, insert, update'),
            ('key_customers', 'select, insert, delete'),
            ('key_labels', 'select, insert, delete'),
            ('secrets', 'select, insert, update, delete'),
            ('credits', 'select, insert, update, delete'),
            ('receipts', 'select, insert, delete'),
            ('idempotency', 'select, insert, update, delete'),
            ('events', 'select, insert'),
            ('event_heads', 'select, insert, update'),
            ('outbox', 'select, insert, delete'),
            ('request_logs', 'select, insert'),
            ('key_usage', 'select, insert, update, delete'),
            ('usage_flushes', 'select, insert, update, delete'),
            ('_sqlx_migrations', 'select')
        ) grants (name, privileges)
    loop
        execute format('grant %s on %I to %I', entry.privileges, entry.name, app);
    end loop;
    -- What protect_tenant_table was told in a table's own migration.
    for entry in
        select c.relname as name, substring(obj_description(c.oid, 'pg_class') from '^tenant table: (.*)$') as privileges
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
    loop
        if entry.privileges is not null then
            execute format('grant %s on %I to %I', entry.privileges, entry.name, app);
        end if;
    end loop;
    -- They run as the owner: docs/decisions/0016.
    execute format('grant execute on function claviger_create_request_log_partitions(integer) to %I', app);
    execute format('grant execute on function claviger_drop_request_log_partition(integer) to %I', app);
end
$$;
