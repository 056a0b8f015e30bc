-- expand: labels of the keys that were made before there were any.

-- In a migration of its own, so that the trigger is there already and holds up nobody's writes meanwhile. A key that changes
-- meanwhile may keep a label that it has lost: lists look at the key itself as well.
--
-- Organization by organization, since row-level security holds for the owner, too.
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
        insert into key_labels (organization_id, kind, label, created_at, key_id)
        select k.organization_id, made.kind, made.label, k.created_at, k.id
        from keys k
        cross join lateral (
            select 'permission', unnest(k.permissions) union select 'tag', unnest(k.tags)
        ) made (kind, label)
        where k.organization_id = tenant and k.deleted_at is null and made.label is not null
        on conflict do nothing;
    end loop;
    perform set_config('claviger.organization', '', true);
    perform set_config('claviger.root', '', true);
end
$$;
