-- expand: the last use of the keys that were made before it was kept.

-- In a migration of its own, so that the trigger is there already and holds up nobody's writes meanwhile. Organization by
-- organization, since row-level security holds for the owner, too.
do $$
declare
    tenants uuid[];
    tenant uuid;
begin
    perform set_config('claviger.root', 'on', true);
    select array_agg(id) into tenants from organizations;
    -- The installation holds the root keys.
    foreach tenant in array coalesce(tenants, '{}') || uuid '00000000-0000-0000-0000-000000000000' loop
        perform set_config('claviger.organization', tenant::text, true);
        insert into key_last_uses (organization_id, key_id, minute)
        select k.organization_id, k.id, coalesce(date_trunc('minute', max(s.last_used_at)), '-infinity')
        from keys k
        left join secrets s on s.organization_id = k.organization_id and s.key_id = k.id
        where k.organization_id = tenant and k.deleted_at is null
        group by k.organization_id, k.id
        on conflict do nothing;
    end loop;
    perform set_config('claviger.organization', '', true);
    perform set_config('claviger.root', '', true);
end
$$;
