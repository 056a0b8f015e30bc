-- expand: a permission of an organization's own API counts on a key only while the organization has it.

-- The organization's version in which each of its permissions was added; one that is missing was there before. A name that is
-- given up and added again is another permission: keys that were given the old one do not hold it.
alter table organizations add column permission_since jsonb not null default '{}';
-- The organization's version whose permissions the key was given.
alter table keys add column permissions_since bigint not null default 0;

-- Reports own permissions under a resource that belongs to the Integration API from now on. They go on working; the
-- organization has to give them up before the API itself takes the name.
do $$
declare
    clash record;
begin
    perform set_config('claviger.root', 'on', true);
    for clash in
        select o.id, o.slug, string_agg(own.name, ', ' order by own.name) as names
        from organizations o
        cross join unnest(o.permissions) own (name)
        where o.deleted_at is null
            and translate(split_part(translate(own.name, ':', '.'), '.', 1), '_', '-') in (
                'organizations', 'keys', 'customers', 'domains', 'roles', 'permissions', 'policy', 'limits', 'licenses',
                'telemetry', 'logs', 'jobs', 'usage', 'imports', 'exports', 'webhooks', 'leaks', 'audit', 'members',
                'root-keys', 'portal')
        group by o.id, o.slug
    loop
        raise warning 'organization % (%) has permissions of its own under a reserved resource: %',
            clash.slug, clash.id, clash.names;
    end loop;
    perform set_config('claviger.root', '', true);
end
$$;
