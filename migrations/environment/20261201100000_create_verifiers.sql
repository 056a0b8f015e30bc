-- expand: an organization's present verifier of keys, and what came of asking it.

create table verifiers (
    organization_id uuid not null,
    -- Another one with every change: what was asked before it makes no key afterwards.
    version uuid not null,
    -- How it is asked, without the values of its headers.
    request jsonb not null,
    -- Those, sealed under the environment's pepper.
    pepper_id text not null,
    sealed_headers bytea not null,
    timeout_ms integer not null,
    budget_per_minute integer not null,
    refusals_seconds integer not null,
    ends_at timestamptz not null,
    -- The body that creates the keys that come of it, and the organization's version whose permissions they are given.
    keys jsonb not null,
    permissions_since bigint not null,
    -- Whose authority they are made under.
    set_by text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- What was asked in the current minute.
    budget_at timestamptz not null,
    budget_used integer not null default 0,
    asked bigint not null default 0,
    accepted bigint not null default 0,
    refused bigint not null default 0,
    unsaid bigint not null default 0,
    -- Texts that nobody was asked about, for want of budget.
    unasked bigint not null default 0,
    constraint verifiers_pkey primary key (organization_id),
    constraint verifiers_organization_fkey foreign key (organization_id) references organizations (id)
);
select protect_tenant_table('verifiers', 'select, insert, update, delete');

-- What was said of a text. An accepted one stays for good: nobody is asked about it again, whatever becomes of its key.
create table verifier_answers (
    organization_id uuid not null,
    -- As a secret of another form is stored: HMAC of its digest under a pepper.
    hash bytea not null,
    outcome text not null,
    -- The status of the answer, where there was one.
    status integer,
    key_id uuid,
    asked_at timestamptz not null,
    -- Until when it holds; null for good.
    holds_until timestamptz,
    constraint verifier_answers_pkey primary key (organization_id, hash),
    constraint verifier_answers_organization_fkey foreign key (organization_id) references organizations (id),
    constraint verifier_answers_outcome_check check (outcome in ('asking', 'accepted', 'refused', 'unsaid')),
    constraint verifier_answers_accepted_check check (
        (outcome = 'accepted') = (key_id is not null) and (outcome = 'accepted') = (holds_until is null)
    )
);
create index verifier_answers_organization_asked_at_index on verifier_answers (organization_id, asked_at desc, hash desc);
select protect_tenant_table('verifier_answers', 'select, insert, update, delete');
