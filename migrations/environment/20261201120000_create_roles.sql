-- expand: an organization's roles: named sets of permissions that its keys are given.

create table roles (
    organization_id uuid not null,
    id uuid not null,
    name text not null,
    name_folded text not null,
    description text not null,
    permissions text[] not null,
    -- The organization's version whose permissions the role was given.
    permissions_since bigint not null,
    generation bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint roles_pkey primary key (organization_id, id),
    constraint roles_organization_name_unique unique (organization_id, name_folded),
    constraint roles_organization_fkey foreign key (organization_id) references organizations (id)
);
create index roles_organization_created_at_index on roles (organization_id, created_at desc, id desc);
select protect_tenant_table('roles', 'select, insert, update, delete');

-- Ids of roles; one that no role has any more gives nothing, and no later role has it.
alter table keys add column roles uuid[] not null default '{}';
create index keys_organization_roles_index on keys using gin (roles) where deleted_at is null and roles <> '{}';

-- The key service reads a key's roles under the version of its organization. At the end of the transaction the organization
-- has been changed in it, too, or is now.
create function claviger_tell_role() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    update organizations set updated_at = clock_timestamp()
    where id = old.organization_id and xmin <> pg_current_xact_id()::xid;
    return null;
end
$$;
create constraint trigger roles_tell_trigger
    after update or delete on roles
    deferrable initially deferred for each row
    execute function claviger_tell_role();
