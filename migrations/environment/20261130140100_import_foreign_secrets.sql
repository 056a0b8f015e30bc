-- expand: secrets of any form that were issued elsewhere.

-- What lists show of a secret that is not of our form; null for all others.
alter table secrets add column hint text;
-- A wider check in the place of the one before: programs that run already meet no such secret.
alter table secrets drop constraint secrets_hash_scheme_check;
alter table secrets add constraint secrets_hash_scheme_check check (
    hash_scheme in ('text', 'sha256', 'foreign') and (hash_scheme = 'foreign') = (hint is not null)
);
-- Two imports at once cannot both hold a secret unseen. Without an organization: that is what it is for.
create unique index secrets_foreign_hash_unique on secrets (hash)
    where hash_scheme = 'foreign' and not is_duplicated and retires_at is null;

-- An import of many keys: the secrets that carry one of many public ids.
create policy secrets_select_by_lookups on secrets for select
    using (lookup_id = any (string_to_array(nullif(pg_catalog.current_setting('claviger.lookups', true), ''), ',')));

-- Whether there may be such secrets at all, kept in the installation's own row: the key service looks for none before.
alter table organizations add column has_foreign_keys boolean not null default false;
