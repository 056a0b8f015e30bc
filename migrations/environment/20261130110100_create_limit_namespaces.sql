-- expand: limits without a key: namespaces of an organization, and overrides of single identifiers.

create table limit_namespaces (
    organization_id uuid not null,
    id uuid not null,
    name text not null,
    -- What holds for an identifier without an override; null where whoever asks says it.
    quota bigint,
    window_ms bigint,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint limit_namespaces_pkey primary key (organization_id, id),
    constraint limit_namespaces_organization_name_unique unique (organization_id, name),
    constraint limit_namespaces_organization_fkey foreign key (organization_id) references organizations (id),
    constraint limit_namespaces_rate_check check (
        num_nulls(quota, window_ms) in (0, 2)
        and quota between 1 and 1000000000
        and window_ms between 1000 and 2678400000
    )
);
create index limit_namespaces_organization_created_at_index on limit_namespaces (organization_id, created_at desc, id desc);
select protect_tenant_table('limit_namespaces', 'select, insert, update, delete');

create table limit_overrides (
    organization_id uuid not null,
    id uuid not null,
    namespace_id uuid not null,
    identifier text not null,
    quota bigint not null,
    window_ms bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint limit_overrides_pkey primary key (organization_id, id),
    constraint limit_overrides_organization_identifier_unique unique (organization_id, namespace_id, identifier),
    constraint limit_overrides_namespace_fkey foreign key (organization_id, namespace_id)
        references limit_namespaces (organization_id, id) on delete cascade,
    constraint limit_overrides_rate_check check (
        quota between 1 and 1000000000
        and window_ms between 1000 and 2678400000
    )
);
create index limit_overrides_namespace_created_at_index
    on limit_overrides (organization_id, namespace_id, created_at desc, id desc);
select protect_tenant_table('limit_overrides', 'select, insert, update, delete');

-- One version for all of an organization's namespaces and overrides: the key service reads them together.
create table limit_settings (
    organization_id uuid not null,
    generation bigint not null,
    constraint limit_settings_pkey primary key (organization_id),
    constraint limit_settings_organization_fkey foreign key (organization_id) references organizations (id)
);
select protect_tenant_table('limit_settings', 'select, insert, update');

-- Wider than before: every old row meets it.
alter table outbox
    drop constraint outbox_subject_kind_check,
    add constraint outbox_subject_kind_check check (subject_kind in ('organization', 'key', 'customer', 'limits'));
