-- What the console's role may do, table by table: no more than its statements need. Run after every migration.
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
            ('users', 'select, insert, update'),
            ('second_factors', 'select, insert, update, delete'),
            ('recovery_codes', 'select, insert, update, delete'),
            ('devices', 'select, insert, update, delete'),
            ('sessions', 'select, insert, update, delete'),
            ('sign_ins', 'select, insert, update, delete'),
            ('sign_in_attempts', 'select, insert, update, delete'),
            ('setup_tokens', 'select, insert, delete'),
            ('reset_tokens', 'select, insert, delete'),
            ('organizations', 'select, insert, update'),
            ('provisionings', 'select, insert, update'),
            ('memberships', 'select, insert, update, delete'),
            ('invites', 'select, insert, update'),
            ('signing_keys', 'select, insert, update, delete'),
            ('access_log', 'select, insert'),
            ('events', 'select, insert'),
            ('event_heads', 'select, insert, update'),
            ('_sqlx_migrations', 'select')
        ) grants (name, privileges)
    loop
        execute format('grant %s on %I to %I', entry.privileges, entry.name, app);
    end loop;
end
$$;
