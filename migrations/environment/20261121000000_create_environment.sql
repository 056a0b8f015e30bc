-- expand: the first schema of one environment's database.
-- Isolation rests on three things in this file: the organization stands first in every primary, unique and
-- foreign key; row-level security is forced; and `claviger_organization()` is the only way to a tenant's rows.

-- The organization of this transaction, or null (and with it no row at all) when nobody has set one.
create function claviger_organization() returns uuid
    language sql stable parallel safe
    as $$ select nullif(pg_catalog.current_setting('claviger.organization', true), '')::uuid $$;

-- The oldest program that can still work with this schema, as the version of its newest migration.
-- Only a contract migration raises it.
create function claviger_schema_floor() returns bigint
    language sql immutable parallel safe
    as $$ select 20261121000000 $$;

create table organizations (
    id uuid not null,
    slug text not null,
    name text not null,
    permissions text[] not null,
    limits jsonb not null,
    default_limits jsonb not null,
    suspended_at timestamptz,
    generation bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    constraint organizations_pkey primary key (id)
);
-- The one unique key without an organization: the slug is what tells organizations apart in URLs.
create unique index organizations_slug_unique on organizations (slug) where deleted_at is null;
create index organizations_created_at_index on organizations (created_at desc, id desc) where deleted_at is null;

create table customers (
    organization_id uuid not null,
    id uuid not null,
    external_id text,
    name text not null,
    metadata jsonb not null,
    limits jsonb not null,
    suspended_at timestamptz,
    generation bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint customers_pkey primary key (organization_id, id),
    constraint customers_organization_external_id_unique unique (organization_id, external_id),
    constraint customers_organization_fkey foreign key (organization_id) references organizations (id)
);
create index customers_organization_created_at_index on customers (organization_id, created_at desc, id desc);

create table domains (
    organization_id uuid not null,
    id uuid not null,
    name text not null,
    challenge text not null,
    verified_at timestamptz,
    generation bigint not null default 1,
    created_at timestamptz not null,
    constraint domains_pkey primary key (organization_id, id),
    constraint domains_organization_name_unique unique (organization_id, name),
    constraint domains_organization_fkey foreign key (organization_id) references organizations (id)
);
create index domains_organization_created_at_index on domains (organization_id, created_at desc, id desc);

create table keys (
    organization_id uuid not null,
    id uuid not null,
    kind text not null,
    name text not null,
    name_folded text not null,
    permissions text[] not null,
    -- null is "all"; an empty list is what remains when the last listed domain was deleted, and matches nothing.
    domains text[],
    is_for_all_customers boolean not null,
    -- null is "all".
    ips text[],
    not_before timestamptz,
    expires_at timestamptz,
    limits jsonb not null,
    metadata jsonb not null,
    tags text[] not null,
    revoked_at timestamptz,
    revoke_reason text,
    revoke_note text,
    generation bigint not null default 1,
    created_at timestamptz not null,
    created_by text not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    constraint keys_pkey primary key (organization_id, id),
    constraint keys_organization_fkey foreign key (organization_id) references organizations (id),
    -- Root keys live under the installation, and nothing else does.
    constraint keys_kind_check check (
        (kind = 'root' and organization_id = '00000000-0000-0000-0000-000000000000')
        or (kind = 'organization' and organization_id <> '00000000-0000-0000-0000-000000000000')
    ),
    constraint keys_revoke_reason_check check (
        (revoked_at is null) = (revoke_reason is null)
        and revoke_reason in ('compromised', 'superseded', 'unused', 'owner_left', 'other', 'scope_removed')
    ),
    constraint keys_ips_check check (ips <> '{}')
);
create unique index keys_organization_name_unique on keys (organization_id, name_folded) where deleted_at is null;
create index keys_organization_created_at_index on keys (organization_id, created_at desc, id desc)
    where deleted_at is null;
create index keys_organization_domains_index on keys using gin (domains) where deleted_at is null;

create table key_customers (
    organization_id uuid not null,
    key_id uuid not null,
    customer_id uuid not null,
    constraint key_customers_pkey primary key (organization_id, key_id, customer_id),
    constraint key_customers_key_fkey foreign key (organization_id, key_id) references keys (organization_id, id),
    constraint key_customers_customer_fkey
        foreign key (organization_id, customer_id) references customers (organization_id, id)
);
create index key_customers_organization_customer_index on key_customers (organization_id, customer_id);

create table secrets (
    organization_id uuid not null,
    id uuid not null,
    key_id uuid not null,
    prefix text not null,
    lookup_id text not null,
    last4 text not null,
    hash bytea not null,
    hash_scheme text not null,
    pepper_id text not null,
    created_at timestamptz not null,
    -- From this instant on it proves nothing: the end of an overlap, or the moment it was ended.
    retires_at timestamptz,
    is_compromised boolean not null default false,
    last_used_at timestamptz,
    last_used_ip inet,
    constraint secrets_pkey primary key (organization_id, id),
    constraint secrets_organization_lookup_id_unique unique (organization_id, lookup_id),
    constraint secrets_key_fkey foreign key (organization_id, key_id) references keys (organization_id, id),
    constraint secrets_hash_check check (octet_length(hash) = 32),
    constraint secrets_hash_scheme_check check (hash_scheme in ('text', 'sha256'))
);
create index secrets_lookup_id_index on secrets (lookup_id);
create index secrets_organization_key_index on secrets (organization_id, key_id, created_at desc, id desc);

create table credits (
    organization_id uuid not null,
    key_id uuid not null,
    remaining bigint not null,
    refill_amount bigint,
    refill_interval text,
    refill_day smallint,
    -- When the balance is filled up next; null when it never is.
    refill_at timestamptz,
    constraint credits_pkey primary key (organization_id, key_id),
    constraint credits_key_fkey foreign key (organization_id, key_id) references keys (organization_id, id),
    constraint credits_remaining_check check (remaining >= 0),
    constraint credits_refill_check check (
        num_nulls(refill_amount, refill_interval, refill_day, refill_at) in (0, 4)
        and refill_interval in ('daily', 'monthly')
        and refill_day between 1 and 31
        and refill_amount >= 0
    )
);

create table receipts (
    organization_id uuid not null,
    id uuid not null,
    key_id uuid not null,
    generation bigint not null,
    created_at timestamptz not null,
    constraint receipts_pkey primary key (organization_id, id),
    constraint receipts_key_fkey foreign key (organization_id, key_id) references keys (organization_id, id)
);

create table idempotency (
    organization_id uuid not null,
    credential_id uuid not null,
    route text not null,
    key text not null,
    request_hash bytea not null,
    body jsonb not null,
    sealed_secret bytea,
    created_at timestamptz not null,
    constraint idempotency_pkey primary key (organization_id, credential_id, route, key),
    constraint idempotency_organization_fkey foreign key (organization_id) references organizations (id)
);
create index idempotency_organization_created_at_index on idempotency (organization_id, created_at);

-- The action log: append only, one hash chain for each organization.
create table events (
    organization_id uuid not null,
    seq bigint not null,
    id uuid not null,
    environment text not null,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    request_id text not null,
    ip inet,
    -- json and not jsonb: the hash covers the very text.
    details json not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint events_pkey primary key (organization_id, seq),
    constraint events_organization_id_unique unique (organization_id, id),
    constraint events_organization_fkey foreign key (organization_id) references organizations (id)
);

-- The end of each chain; whoever appends holds its row.
create table event_heads (
    organization_id uuid not null,
    seq bigint not null,
    hash bytea not null,
    constraint event_heads_pkey primary key (organization_id),
    constraint event_heads_organization_fkey foreign key (organization_id) references organizations (id)
);

-- Generations that Redis may not have heard of yet.
create table outbox (
    organization_id uuid not null,
    id uuid not null,
    subject_kind text not null,
    subject_id uuid not null,
    generation bigint not null,
    receipt_id uuid,
    created_at timestamptz not null,
    constraint outbox_pkey primary key (organization_id, id),
    constraint outbox_organization_fkey foreign key (organization_id) references organizations (id),
    constraint outbox_subject_kind_check check (subject_kind in ('organization', 'key', 'customer'))
);
create index outbox_created_at_index on outbox (created_at, id);

-- Row-level security: one policy for each command, all with the same condition.
do $$
declare
    entry record;
    mine text;
begin
    for entry in
        select name, case name when 'organizations' then 'id' else 'organization_id' end as tenant
        from unnest(array[
            'organizations', 'customers', 'domains', 'keys', 'key_customers', 'secrets', 'credits',
            'receipts', 'idempotency', 'events', 'event_heads', 'outbox'
        ]) as name
    loop
        mine := format('%I = claviger_organization()', entry.tenant);
        execute format('alter table %I enable row level security', entry.name);
        execute format('alter table %I force row level security', entry.name);
        execute format('create policy %I on %I for select using (%s)', entry.name || '_select', entry.name, mine);
        execute format('create policy %I on %I for insert with check (%s)', entry.name || '_insert', entry.name, mine);
        execute format(
            'create policy %I on %I for update using (%s) with check (%s)',
            entry.name || '_update', entry.name, mine, mine
        );
        execute format('create policy %I on %I for delete using (%s)', entry.name || '_delete', entry.name, mine);
    end loop;
end
$$;

-- Three narrow doors beside it, each opened by a transaction-local setting of its own.
-- Verification: the secrets that carry one presented public id.
create policy secrets_select_by_lookup on secrets for select
    using (lookup_id = nullif(pg_catalog.current_setting('claviger.lookup', true), ''));
-- Root keys: which organizations there are.
create policy organizations_select_by_root on organizations for select
    using (pg_catalog.current_setting('claviger.root', true) = 'on');
-- The outbox job, which serves every organization.
create policy outbox_select_by_job on outbox for select
    using (pg_catalog.current_setting('claviger.job', true) = 'outbox');
create policy outbox_delete_by_job on outbox for delete
    using (pg_catalog.current_setting('claviger.job', true) = 'outbox');

-- The installation itself: what root keys and their bookkeeping belong to.
select set_config('claviger.organization', '00000000-0000-0000-0000-000000000000', true);
insert into organizations
    (id, slug, name, permissions, limits, default_limits, created_at, updated_at)
values
    ('00000000-0000-0000-0000-000000000000', '', 'Installation', '{}', '[]', '[]', now(), now());
