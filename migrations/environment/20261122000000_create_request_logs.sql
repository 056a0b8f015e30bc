-- expand: one row for each request to the Integration API, in a partition for each day of UTC.
-- docs/decisions/0016 says why the partitions are made and dropped by two functions that run as their owner.

create table request_logs (
    -- The nil organization for requests that nobody was identified for.
    organization_id uuid not null,
    at timestamptz not null,
    -- Minted by the writer, so that a batch that is written again changes nothing.
    id uuid not null,
    -- May be the caller's own, and is not unique.
    request_id text not null,
    key_id uuid,
    customer_id uuid,
    operation text,
    method text not null,
    -- Never with a query; withheld when the URL carried a credential.
    path text not null,
    status smallint not null,
    code text,
    verdict text,
    client_ip inet,
    duration_us integer not null,
    -- Serves an organization's log by time, newest first.
    constraint request_logs_pkey primary key (organization_id, at, id)
) partition by range (at);
-- No foreign key: a check for each row costs more than the row, and a log outlives what it is about.

-- What one key did.
create index request_logs_organization_key_index on request_logs (organization_id, key_id, at) where key_id is not null;
-- What was done about one customer.
create index request_logs_organization_customer_index on request_logs (organization_id, customer_id, at)
    where customer_id is not null;
-- What went wrong, with which status. Successes are nearly everything: asking for them needs no index.
create index request_logs_organization_failure_index on request_logs (organization_id, at, status)
    where status >= 400;

-- Where a row goes for whose day there is no partition, so that none is lost for want of one.
create table request_logs_default partition of request_logs default;

alter table request_logs enable row level security;
alter table request_logs force row level security;
create policy request_logs_select on request_logs for select using (organization_id = claviger_organization());
create policy request_logs_insert on request_logs for insert with check (organization_id = claviger_organization());
create policy request_logs_update on request_logs for update
    using (organization_id = claviger_organization()) with check (organization_id = claviger_organization());
create policy request_logs_delete on request_logs for delete using (organization_id = claviger_organization());
-- The door of the writer, whose batches hold rows of many organizations.
create policy request_logs_insert_by_job on request_logs for insert
    with check (pg_catalog.current_setting('claviger.job', true) = 'request-log');

-- Partitions are reached through the table above. By their own names they are closed: no grant and no policy.
-- Not forced, for the owner has to see what is in the one that it deletes from.
alter table request_logs_default enable row level security;

-- Makes the partitions of today and the days to come, and says for how many of them there is none after all.
--
-- Runs as the owner, because the services' role may not create. Takes a number and makes what the number says, no more
-- than a month. A partition is made beside the table and then attached, which does not stop those who write; who waits
-- for a lock waits half a second, and the next run tries again.
create function claviger_create_request_log_partitions(days_ahead integer) returns table (created integer, missing integer)
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set lock_timeout = '500ms'
    set timezone = 'UTC'
as $$
declare
    today date := current_date;
    day date;
    name text;
begin
    created := 0;
    missing := 0;
    -- Two workers: the second leaves it to the first.
    if not pg_try_advisory_xact_lock(hashtext('claviger.request_logs')) then
        return next;
        return;
    end if;
    for number in 0..least(greatest(days_ahead, 0), 31) loop
        day := today + number;
        name := 'request_logs_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass('public.' || name) is not null;
        begin
            execute format(
                'create table public.%I (like public.request_logs including defaults including constraints including indexes)',
                name
            );
            execute format('alter table public.%I enable row level security', name);
            execute format(
                'alter table public.request_logs attach partition public.%I for values from (%L) to (%L)',
                name, day::timestamptz, (day + 1)::timestamptz
            );
            created := created + 1;
        exception
            -- Rows of that day are in the default partition already. They stay there until they are too old.
            when check_violation then missing := missing + 1;
        end;
    end loop;
    return next;
end
$$;

-- Drops the oldest partition that holds nothing younger than so many days, and says whether there was one.
--
-- Runs as the owner, because the services' role may not drop. A week is the least that is kept, whoever asks: who
-- has taken over a service must not be able to remove its traces. One partition a call, so that the lock on the table,
-- for which it waits half a second, is held for a moment. Without such a partition it deletes from the default one.
create function claviger_drop_request_log_partition(retention_days integer) returns boolean
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set lock_timeout = '500ms'
    set timezone = 'UTC'
as $$
declare
    oldest_kept date := current_date - greatest(retention_days, 7);
    name text;
    deleted integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('claviger.request_logs')) then
        return false;
    end if;
    select c.relname into name
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.request_logs'::regclass
          and c.relname ~ '^request_logs_[0-9]{8}$'
          and to_date(right(c.relname, 8), 'YYYYMMDD') < oldest_kept
        order by c.relname
        limit 1;
    if found then
        execute format('drop table public.%I', name);
        return true;
    end if;
    delete from public.request_logs_default
        where ctid = any (array(
            select d.ctid from public.request_logs_default d where d.at < oldest_kept::timestamptz limit 10000
        ));
    get diagnostics deleted = row_count;
    return deleted > 0;
end
$$;

revoke all on function claviger_create_request_log_partitions(integer) from public;
revoke all on function claviger_drop_request_log_partition(integer) from public;

select claviger_create_request_log_partitions(7);
