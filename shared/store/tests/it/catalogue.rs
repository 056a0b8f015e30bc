//! What Postgres's own catalogue must say about isolation, as a list of violations.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::world::World;

/// Without a tenant's data: the list of migrations that were run.
const NO_TENANT: &str = "_sqlx_migrations";

/// Tables of tenants that there were when tables began to protect themselves.
const MIGRATED_TABLES: usize = 16;

/// Policies beside the tenant's own, each by name with what it lets be reached and what it lets be written.
const POLICIES: &str = "
    ('secrets_select_by_lookup', '(lookup_id = NULLIF(current_setting(''claviger.lookup''::text, true), ''''::text))', null),
    ('secrets_select_by_lookups', '(lookup_id = ANY (string_to_array(NULLIF(current_setting(''claviger.lookups''::text, true), ''''::text), '',''::text)))', null),
    ('organizations_select_by_root', '(current_setting(''claviger.root''::text, true) = ''on''::text)', null),
    ('outbox_select_by_job', '(current_setting(''claviger.job''::text, true) = ''outbox''::text)', null),
    ('outbox_delete_by_job', '(current_setting(''claviger.job''::text, true) = ''outbox''::text)', null),
    ('request_logs_insert_by_job', null, '(current_setting(''claviger.job''::text, true) = ''request-log''::text)'),
    ('key_usage_select_by_job', '(current_setting(''claviger.job''::text, true) = ''key-usage''::text)', null),
    ('key_usage_insert_by_job', null, '(current_setting(''claviger.job''::text, true) = ''key-usage''::text)'),
    ('key_usage_update_by_job', '(current_setting(''claviger.job''::text, true) = ''key-usage''::text)', '(current_setting(''claviger.job''::text, true) = ''key-usage''::text)'),
    ('key_usage_delete_by_job', '(current_setting(''claviger.job''::text, true) = ''key-usage''::text)', null),
    ('idempotency_select_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null),
    ('idempotency_delete_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null),
    ('receipts_select_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null),
    ('receipts_delete_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null),
    ('secrets_select_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null),
    ('secrets_delete_by_job', '(current_setting(''claviger.job''::text, true) = ''retention''::text)', null)";

/// Functions that run as their owner, each with all that it takes. Decision 0016 says why there are any: they make and
/// drop partitions, of which a number alone can be chosen.
const DEFINERS: &str = "
    ('claviger_create_request_log_partitions', 'days_ahead integer'),
    ('claviger_drop_request_log_partition', 'retention_days integer')";

/// Every table of tenants with its tenant column. Partitions are a part of theirs.
const TENANT_TABLES: &str = "
    select c.oid, c.relname::text as name, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
        case c.relname when 'organizations' then 'id' else 'organization_id' end as tenant
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> '_sqlx_migrations'
      and not c.relispartition";

/// About policies. Each query answers with one text for each violation.
fn policy_checks() -> Vec<String> {
    let tables = TENANT_TABLES;
    vec![
        format!("select name || ': row-level security is not enabled' from ({tables}) t where not relrowsecurity"),
        format!("select name || ': row-level security is not forced' from ({tables}) t where not relforcerowsecurity"),
        format!(
            "select name || ': no policy for ' || command.word
            from ({tables}) t
            cross join (values ('r', 'select', true, false), ('a', 'insert', false, true),
                ('w', 'update', true, true), ('d', 'delete', true, false)) command (letter, word, has_using, has_check)
            where not exists (
                select 1 from pg_policy p
                where p.polrelid = t.oid and p.polcmd = command.letter::\"char\" and p.polpermissive
                  and (p.polqual is not null) = command.has_using
                  and (p.polwithcheck is not null) = command.has_check)"
        ),
        format!(
            "select name || '.' || p.polname || ': neither the tenant''s own condition nor a named policy: '
                || coalesce(pg_get_expr(p.polqual, p.polrelid), '-') || ' / '
                || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-')
            from ({tables}) t
            join pg_policy p on p.polrelid = t.oid
            where not (
                coalesce(pg_get_expr(p.polqual, p.polrelid), own.condition) = own.condition
                and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), own.condition) = own.condition)
              and not exists (
                select 1 from (values {POLICIES}) listed (name, condition, written)
                where listed.name = p.polname
                  and listed.written is not distinct from pg_get_expr(p.polwithcheck, p.polrelid)
                  and listed.condition is not distinct from pg_get_expr(p.polqual, p.polrelid))"
        )
        .replace(
            "join pg_policy p on p.polrelid = t.oid\n",
            "join pg_policy p on p.polrelid = t.oid
            cross join lateral (select format('(%s = claviger_organization())', t.tenant) as condition) own\n",
        ),
    ]
}

/// About partitions, whose own policies nobody asks as long as they are reached through their table.
fn partition_checks(app_role: &str) -> Vec<String> {
    vec![
        "select c.relname || ': row-level security is not enabled'
            from pg_class c where c.relispartition and c.relkind in ('r', 'p') and not c.relrowsecurity"
            .to_owned(),
        "select c.relname || ': a partition with a policy of its own'
            from pg_class c join pg_policy p on p.polrelid = c.oid where c.relispartition"
            .to_owned(),
        format!(
            "select c.relname || ': the role may ' || privilege || ' beside its table'
            from pg_class c
            cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) privilege
            where c.relispartition and c.relkind in ('r', 'p')
              and has_table_privilege('{app_role}', c.oid, privilege)"
        ),
    ]
}

/// About keys of all kinds, which look past policies.
fn constraint_checks() -> Vec<String> {
    let tables = TENANT_TABLES;
    vec![
        // The tenant stands first in the primary key, and somewhere in every other unique index.
        format!(
            "select name || ': ' || i.indexrelid::regclass || ' has no tenant'
            from ({tables}) t
            join pg_index i on i.indrelid = t.oid and i.indisunique
            join pg_attribute a on a.attrelid = t.oid and a.attname = t.tenant
            where case when i.indisprimary then i.indkey[0] <> a.attnum else not a.attnum = any (i.indkey) end
              and i.indexrelid::regclass::text not in ('organizations_slug_unique', 'secrets_foreign_hash_unique')"
        ),
        format!(
            "select name || ': no primary key' from ({tables}) t
            where not exists (select 1 from pg_index i where i.indrelid = t.oid and i.indisprimary)"
        ),
        format!(
            "select name || ': ' || f.conname || ' does not tie the tenant'
            from ({tables}) t
            join pg_constraint f on f.conrelid = t.oid and f.contype = 'f'
            join pg_attribute a on a.attrelid = t.oid and a.attname = t.tenant
            join pg_class o on o.oid = f.confrelid
            join pg_attribute b on b.attrelid = f.confrelid
                and b.attname = case o.relname when 'organizations' then 'id' else 'organization_id' end
            where not exists (
                select 1 from generate_subscripts(f.conkey, 1) n
                where f.conkey[n] = a.attnum and f.confkey[n] = b.attnum)"
        ),
    ]
}

/// About who the services' role is, and what runs as somebody else.
fn role_checks(app_role: &str) -> Vec<String> {
    let tables = TENANT_TABLES;
    vec![
        "select c.relname || ': a view that runs with its owner''s rights'
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'public' and c.relkind in ('v', 'm')
              and not coalesce(c.reloptions @> array['security_invoker=true'], false)"
            .to_owned(),
        format!(
            "select p.proname || ': runs with its owner''s rights'
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'public' and p.prosecdef
              and not exists (
                select 1 from (values {DEFINERS}) definer (name, arguments)
                where definer.name = p.proname and definer.arguments = pg_get_function_identity_arguments(p.oid)
                  and p.proconfig @> array['search_path=pg_catalog, pg_temp']
                  and not exists (select 1 from aclexplode(p.proacl) granted where granted.grantee = 0))"
        ),
        format!(
            "select fault from pg_roles r, lateral (values
                (r.rolsuper, 'the role is a superuser'),
                (r.rolbypassrls, 'the role bypasses row-level security'),
                (r.rolcreaterole or r.rolcreatedb, 'the role makes roles or databases'),
                (has_schema_privilege(r.oid, 'public', 'create'), 'the role creates in the schema'),
                (exists (select 1 from pg_roles o where o.oid <> r.oid and pg_has_role(r.oid, o.oid, 'member')
                    and (o.rolsuper or o.rolbypassrls)), 'the role is a member of an unsafe one')
            ) faults (is_so, fault)
            where r.rolname = '{app_role}' and is_so"
        ),
        format!(
            "select name || ': ' || fault
            from ({tables}) t
            join pg_roles r on r.rolname = '{app_role}'
            cross join lateral (values
                (pg_has_role(r.oid, t.relowner, 'member'), 'the role owns it'),
                (has_table_privilege(r.oid, t.oid, 'truncate'), 'the role truncates it'),
                (has_table_privilege(r.oid, t.oid, 'trigger'), 'the role puts triggers on it'),
                (has_table_privilege(r.oid, t.oid, 'references'), 'the role refers to it')
            ) faults (is_so, fault)
            where is_so"
        ),
        // An organization that a session starts with outlives the transaction that it was meant for.
        format!(
            "select 'a session starts with ' || setting
            from pg_db_role_setting, unnest(setconfig) setting
            where setting like 'claviger.%'
              and setrole in (0, '\"{app_role}\"'::regrole)
              and setdatabase in (0, (select oid from pg_database where datname = current_database()))"
        ),
    ]
}

/// Everything about the schema and the services' role that isolation does not stand.
pub async fn violations(connection: &mut PgConnection, app_role: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let checks = [policy_checks(), partition_checks(app_role), constraint_checks(), role_checks(app_role)];
    for check in checks.into_iter().flatten() {
        let rows = sqlx::query(AssertSqlSafe(check)).fetch_all(&mut *connection).await.unwrap();
        violations.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    violations
}

/// The names of all tables of tenants, each with its tenant column.
pub async fn tenant_tables(connection: &mut PgConnection) -> Vec<(String, String)> {
    let rows = sqlx::query(TENANT_TABLES).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (row.get("name"), row.get("tenant"))).collect()
}

#[tokio::test]
async fn the_schema_isolates_organizations() {
    let world = World::start().await;
    let mut superuser = world.superuser().await;
    assert_eq!(violations(&mut superuser, &world.database.app_role).await, Vec::<String>::new());
    let found = tenant_tables(&mut superuser).await.len();
    assert!(found >= MIGRATED_TABLES, "{found} tables of tenants: {NO_TENANT} is the one without");
}

/// A database with a function that protects tables, as the migrations' own session sees it.
async fn owner(world: &World) -> PgConnection {
    let mut superuser = world.superuser().await;
    let sql = "select set_config('claviger.app_role', $1, false)";
    sqlx::query(sql).bind(world.database.app_role.clone()).execute(&mut superuser).await.unwrap();
    superuser
}

#[tokio::test]
async fn a_table_that_its_migration_protects_is_isolated() {
    let world = World::start().await;
    let mut owner = owner(&world).await;
    let sql = "create table notes (
            organization_id uuid not null, id uuid not null, text text not null,
            constraint notes_pkey primary key (organization_id, id),
            constraint notes_organization_text_unique unique (organization_id, text),
            constraint notes_organization_fkey foreign key (organization_id) references organizations (id));
        select protect_tenant_table('notes', 'select, insert');";
    sqlx::raw_sql(sql).execute(&mut owner).await.unwrap();
    assert_eq!(violations(&mut owner, &world.database.app_role).await, Vec::<String>::new());
    store::migrate(&world.cluster.superuser_url(&world.database.name), &world.database.app_role).await.unwrap();
    let granted = "select string_agg(privilege, ' ' order by privilege)
        from unnest(array['select', 'insert', 'update', 'delete']) privilege
        where has_table_privilege($1, 'notes', privilege)";
    let granted: String =
        sqlx::query_scalar(granted).bind(world.database.app_role.clone()).fetch_one(&mut owner).await.unwrap();
    assert_eq!(granted, "insert select", "and no more after the grants of the next migration");
}

#[tokio::test]
async fn a_table_whose_keys_lack_the_organization_is_refused() {
    let world = World::start().await;
    let mut owner = owner(&world).await;
    let column = "organization_id uuid not null, id uuid not null, key_id uuid not null";
    let primary = "primary key (organization_id, id)";
    for (members, privileges, fault) in [
        ("id uuid primary key".to_owned(), "select", "has no organization_id"),
        ("organization_id uuid, id uuid not null unique".to_owned(), "select", "has no organization_id"),
        ("organization_id text not null, id uuid primary key".to_owned(), "select", "has no organization_id"),
        (column.to_owned(), "select", "primary key"),
        (format!("{column}, primary key (id, organization_id)"), "select", "primary key"),
        (format!("{column}, {primary}, constraint bare_unique unique (key_id)"), "select", "bare_unique lacks"),
        (
            format!(
                "{column}, {primary}, constraint bare_fkey foreign key (key_id, organization_id)
                references keys (organization_id, id)"
            ),
            "select",
            "bare_fkey does not tie",
        ),
        (format!("{column}, {primary}"), "select, truncate", "cannot be granted"),
        (format!("{column}, {primary}"), "", "cannot be granted"),
    ] {
        let sql = format!(
            "begin; create table untied ({members}); select protect_tenant_table('untied', '{privileges}'); commit"
        );
        let error = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap_err();
        sqlx::raw_sql("rollback").execute(&mut owner).await.unwrap();
        assert!(error.to_string().contains(fault), "{members}: {error}");
    }
    let nothing = sqlx::raw_sql("select protect_tenant_table('nothing')").execute(&mut owner).await.unwrap_err();
    assert!(nothing.to_string().contains("there is no table"), "{nothing}");
}
