-- expand: the retention job sees and deletes old answers of creations, receipts and retired secrets of all organizations.

do $$
declare
    name text;
    job constant text := $condition$pg_catalog.current_setting('claviger.job', true) = 'retention'$condition$;
begin
    foreach name in array array['idempotency', 'receipts', 'secrets'] loop
        execute format('create policy %I on %I for select using (%s)', name || '_select_by_job', name, job);
        execute format('create policy %I on %I for delete using (%s)', name || '_delete_by_job', name, job);
    end loop;
end
$$;

create index idempotency_created_at_index on idempotency (created_at);
create index receipts_created_at_index on receipts (created_at);
create index secrets_retires_at_index on secrets (retires_at) where retires_at is not null and not is_compromised;
-- The receipt of a change that is asked for again.
create index receipts_organization_key_index on receipts (organization_id, key_id, generation);
