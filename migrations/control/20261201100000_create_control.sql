-- expand: the first schema of the control database: people, their sessions, and the directory of organizations.
-- Whatever proves somebody (a session's cookie, a link, a recovery code) is here as a hash; a secret that has to be
-- read again (of a second factor, of a signature) is sealed under a key that the database does not have.

-- The oldest program that can still work with this schema, as the version of its newest migration.
-- Only a contract migration raises it.
create function claviger_schema_floor() returns bigint
    language sql immutable parallel safe
    as $$ select 20261201100000 $$;

create table users (
    id uuid not null,
    -- As it was written, and as it is compared: one person has one account, however the address is spelt.
    email text not null,
    email_canonical text not null,
    name text not null,
    -- Argon2id in PHC form; null until somebody has chosen a password.
    password_hash text,
    password_changed_at timestamptz,
    preferences jsonb not null default '{}',
    is_server_admin boolean not null default false,
    disabled_at timestamptz,
    last_seen_at timestamptz,
    generation bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint users_pkey primary key (id),
    constraint users_email_unique unique (email_canonical)
);
create index users_created_at_index on users (created_at desc, id desc);

create table second_factors (
    user_id uuid not null,
    -- Sealed.
    secret bytea not null,
    -- The number of the last time step whose code was accepted: a code works once, on all replicas together.
    last_step bigint not null default 0,
    -- null while the person has not shown a code of it yet.
    confirmed_at timestamptz,
    created_at timestamptz not null,
    constraint second_factors_pkey primary key (user_id),
    constraint second_factors_user_fkey foreign key (user_id) references users (id) on delete cascade
);

create table recovery_codes (
    user_id uuid not null,
    hash bytea not null,
    used_at timestamptz,
    constraint recovery_codes_pkey primary key (user_id, hash),
    constraint recovery_codes_user_fkey foreign key (user_id) references users (id) on delete cascade
);

create table devices (
    id uuid not null,
    user_id uuid not null,
    token_hash bytea not null,
    label text not null,
    address inet,
    agent text not null,
    requested_at timestamptz not null,
    last_seen_at timestamptz not null,
    approved_at timestamptz,
    -- The id of whoever approved it, or how that came.
    approved_by text,
    constraint devices_pkey primary key (id),
    constraint devices_token_unique unique (user_id, token_hash),
    constraint devices_user_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint devices_approved_check check ((approved_at is null) = (approved_by is null))
);

create table sessions (
    id uuid not null,
    token_hash bytea not null,
    user_id uuid not null,
    assurance text not null,
    step_up_until timestamptz,
    device_id uuid,
    address inet,
    agent text not null,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text,
    constraint sessions_pkey primary key (id),
    constraint sessions_token_unique unique (token_hash),
    constraint sessions_user_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint sessions_device_fkey foreign key (device_id) references devices (id) on delete set null,
    constraint sessions_assurance_check check (assurance in ('password', 'second-factor')),
    constraint sessions_ended_check check ((ended_at is null) = (end_reason is null))
);
create index sessions_user_index on sessions (user_id, created_at desc) where ended_at is null;
create index sessions_created_at_index on sessions (created_at);

-- Somebody on the way to a session: the password was right, something else is still asked for. No operation takes it.
create table sign_ins (
    token_hash bytea not null,
    user_id uuid not null,
    -- When the password was given, so that a change of it ends what began before.
    password_changed_at timestamptz,
    has_second_factor boolean not null default false,
    device_id uuid,
    next text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint sign_ins_pkey primary key (token_hash),
    constraint sign_ins_user_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint sign_ins_device_fkey foreign key (device_id) references devices (id) on delete cascade
);
create index sign_ins_expires_at_index on sign_ins (expires_at);

-- What was tried in vain. A subject is the hash of an account's address, of a source or of a device, whether or not
-- there is such an account: people type passwords into the wrong field.
create table sign_in_attempts (
    subject bytea not null,
    window_started_at timestamptz not null,
    window_failures integer not null,
    consecutive_failures integer not null,
    updated_at timestamptz not null,
    constraint sign_in_attempts_pkey primary key (subject)
);
create index sign_in_attempts_updated_at_index on sign_in_attempts (updated_at);

-- Opens the first server admin's account, while there is nobody yet.
create table setup_tokens (
    token_hash bytea not null,
    expires_at timestamptz not null,
    constraint setup_tokens_pkey primary key (token_hash)
);

create table reset_tokens (
    token_hash bytea not null,
    user_id uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint reset_tokens_pkey primary key (token_hash),
    constraint reset_tokens_user_fkey foreign key (user_id) references users (id) on delete cascade
);
create index reset_tokens_expires_at_index on reset_tokens (expires_at);

create table organizations (
    -- The same in every environment.
    id uuid not null,
    slug text not null,
    name text not null,
    -- The custom login page; the logo is a data URI.
    login_text text not null default '',
    login_accent text,
    login_logo text,
    -- The policy for people.
    second_factor_required boolean not null default false,
    session_hours integer,
    -- null is "all".
    networks text[],
    device_approvals boolean not null default false,
    password_max_days integer,
    step_up_for_regenerate boolean not null default true,
    suspended_at timestamptz,
    generation bigint not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    constraint organizations_pkey primary key (id),
    constraint organizations_session_hours_check check (session_hours > 0),
    constraint organizations_password_max_days_check check (password_max_days > 0)
);
create unique index organizations_slug_unique on organizations (slug) where deleted_at is null;
create index organizations_created_at_index on organizations (created_at desc, id desc) where deleted_at is null;

create table provisionings (
    id uuid not null,
    organization_id uuid not null,
    environment text not null,
    state text not null,
    reason text,
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint provisionings_pkey primary key (id),
    constraint provisionings_place_unique unique (organization_id, environment),
    constraint provisionings_organization_fkey foreign key (organization_id) references organizations (id),
    constraint provisionings_environment_check check (environment in ('production', 'staging', 'development')),
    constraint provisionings_state_check check (state in ('wanted', 'ready', 'failed'))
);
create index provisionings_next_attempt_index on provisionings (next_attempt_at) where state <> 'ready';

create table memberships (
    id uuid not null,
    user_id uuid not null,
    organization_id uuid not null,
    -- A built-in role, the id of one of the environment's own roles, or null for none there.
    role_production text,
    role_staging text,
    role_development text,
    generation bigint not null default 1,
    joined_at timestamptz not null,
    updated_at timestamptz not null,
    constraint memberships_pkey primary key (id),
    constraint memberships_person_unique unique (organization_id, user_id),
    constraint memberships_user_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint memberships_organization_fkey foreign key (organization_id) references organizations (id)
);
create index memberships_user_index on memberships (user_id);

create table invites (
    id uuid not null,
    organization_id uuid not null,
    token_hash bytea not null,
    email text not null,
    email_canonical text not null,
    role_production text,
    role_staging text,
    role_development text,
    -- null for the server's own administrator, at its command line.
    inviter_id uuid,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    -- Taken back, or its inviter may not invite any more.
    ended_at timestamptz,
    constraint invites_pkey primary key (id),
    constraint invites_token_unique unique (token_hash),
    constraint invites_organization_fkey foreign key (organization_id) references organizations (id),
    constraint invites_inviter_fkey foreign key (inviter_id) references users (id) on delete cascade
);
-- One open invitation for each address.
create unique index invites_open_unique on invites (organization_id, email_canonical)
    where used_at is null and ended_at is null;
create index invites_inviter_index on invites (inviter_id) where used_at is null and ended_at is null;

create table signing_keys (
    kid text not null,
    -- 32 bytes of Ed25519, as published.
    public_key bytea not null,
    -- Sealed.
    secret_key bytea not null,
    state text not null,
    created_at timestamptz not null,
    state_since timestamptz not null,
    constraint signing_keys_pkey primary key (kid),
    constraint signing_keys_state_check check (state in ('current', 'next', 'retired'))
);
create unique index signing_keys_current_unique on signing_keys (state) where state in ('current', 'next');

-- Sign-ins and what became of them. Nobody's session or link, and no address that is nobody's.
create table access_log (
    id uuid not null,
    at timestamptz not null,
    user_id uuid,
    event text not null,
    outcome text not null,
    factor text,
    address inet,
    agent text not null,
    session_id uuid,
    request_id text not null,
    constraint access_log_pkey primary key (id)
);
create index access_log_user_index on access_log (user_id, at desc, id desc);
create index access_log_at_index on access_log (at desc, id desc);

-- The action log of control, in the form of the environments': one hash chain for each organization; the nil
-- organization for the installation.
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
    details json not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint events_pkey primary key (organization_id, seq),
    constraint events_id_unique unique (organization_id, id)
);
create index events_organization_subject_index on events (organization_id, subject, seq desc);

create table event_heads (
    organization_id uuid not null,
    seq bigint not null,
    hash bytea not null,
    constraint event_heads_pkey primary key (organization_id)
);
