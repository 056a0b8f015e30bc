-- expand: how often each key was used, by hour and by what came of it.

create table key_usage (
    organization_id uuid not null,
    key_id uuid not null,
    -- Its beginning, in UTC.
    hour timestamptz not null,
    outcome text not null,
    count bigint not null,
    constraint key_usage_pkey primary key (organization_id, key_id, hour, outcome),
    constraint key_usage_outcome_check check (outcome in ('valid', 'refused', 'limited'))
);
-- No foreign key: a check for each row costs more than the row, and keys are never removed.
-- For retention; rows come nearly in the order of time, so this is a few pages.
create index key_usage_hour_index on key_usage using brin (hour);

-- The last batch that each replica has written: one that is written again counts nothing twice.
-- It is the installation's bookkeeping, and its rows belong to the nil organization.
create table usage_flushes (
    organization_id uuid not null,
    replica text not null,
    seq bigint not null,
    at timestamptz not null,
    constraint usage_flushes_pkey primary key (organization_id, replica)
);

do $$
declare
    name text;
    mine constant text := 'organization_id = claviger_organization()';
begin
    foreach name in array array['key_usage', 'usage_flushes'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy %I on %I for select using (%s)', name || '_select', name, mine);
        execute format('create policy %I on %I for insert with check (%s)', name || '_insert', name, mine);
        execute format('create policy %I on %I for update using (%s) with check (%s)', name || '_update', name, mine, mine);
        execute format('create policy %I on %I for delete using (%s)', name || '_delete', name, mine);
    end loop;
end
$$;

-- The door of those who count, whose batches hold keys of many organizations, and of the job that deletes what is old.
create policy key_usage_select_by_job on key_usage for select
    using (pg_catalog.current_setting('claviger.job', true) = 'key-usage');
create policy key_usage_insert_by_job on key_usage for insert
    with check (pg_catalog.current_setting('claviger.job', true) = 'key-usage');
create policy key_usage_update_by_job on key_usage for update
    using (pg_catalog.current_setting('claviger.job', true) = 'key-usage')
    with check (pg_catalog.current_setting('claviger.job', true) = 'key-usage');
create policy key_usage_delete_by_job on key_usage for delete
    using (pg_catalog.current_setting('claviger.job', true) = 'key-usage');
