//! Statements that forget their WHERE, as the services' role: nothing foreign is read, written, locked or counted.

use domain::event::Event;
use domain::ids::{KeyId, OrganizationId};
use domain::limit_settings::Rate;
use domain::policy::Credits;
use domain::refill::{Refill, RefillInterval};
use futures_util::TryStreamExt;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::time::Duration;
use store::CreditsChange;
use store::idempotency::{Replay, ReplayKey};

use crate::catalogue::tenant_tables;
use crate::key_usage::{key_use, update_key_usage};
use crate::request_logs::{insert_request_logs, request_log};
use crate::world::{World, for_customers, host, new_secret};

/// "Insufficient privilege": of a grant or of a policy.
const REFUSED: &str = "42501";

/// At least one row of the organization in every table.
pub async fn fill(world: &World, organization: OrganizationId) {
    let customer = world.insert_customer(organization, "first").await;
    let mut change = for_customers("filled", &[customer.id]);
    let refill = Refill { amount: 7, interval: RefillInterval::Daily };
    change.credits = CreditsChange::Set(Some(Credits { remaining: 5, refill: Some(refill) }));
    let key = world.insert_key(organization, &change).await.unwrap();
    let mut write = world.write(organization).await;
    write.insert_domain(&host("shop.example.com")).await.unwrap();
    let rate = Rate { limit: 5, window_ms: 60_000 };
    let namespace = write.set_limit_namespace("mail", Some(rate)).await.unwrap();
    write.set_limit_override(&namespace, "anna", rate).await.unwrap();
    write.set_verifier(&crate::verifiers::verifier(write.now())).await.unwrap();
    let key = write.regenerate_key(&key, &new_secret(organization).1, Duration::ZERO).await.unwrap().unwrap();
    write.insert_receipt(key.id, key.generation).await.unwrap();
    let replay = ReplayKey { organization, credential: key.id.uuid(), route: "POST /".into(), key: "once".into() };
    let answer = Replay { request_hash: [1; 32], body: json!({}), sealed_secret: None, created_at: write.now() };
    write.insert_replay(&replay, &answer).await.unwrap();
    write.commit(Event::of("key.regenerated", key.id)).await.unwrap();
    insert_request_logs(world, &[request_log(organization, key.created_at)]).await;
    update_key_usage(world, 1, &[key_use(organization, key.id, key.created_at)]).await;
    let own = organization.uuid();
    world.run(&format!("insert into usage_flushes select '{own}', '{own}', seq, at from usage_flushes limit 1")).await;
    crate::verifiers::claim(world, organization, "filled").await;
    fill_empty_tables(world, organization).await;
}

/// One row of made-up values in every table that is still empty: a new table needs a row in [`fill`] only where its
/// constraints ask for more.
async fn fill_empty_tables(world: &World, organization: OrganizationId) {
    let mut superuser = world.superuser().await;
    let own = organization.uuid();
    for (table, tenant) in tenant_tables(&mut superuser).await {
        let count = format!("select count(*) from {table} where {tenant} = '{own}'");
        if scalar(&mut superuser, &count).await > 0 {
            continue;
        }
        let columns = "select string_agg(quote_ident(attname), ', ' order by attnum),
                string_agg(case
                    when attname = $2 then quote_literal($3)
                    when atttypid = 'uuid'::regtype then 'gen_random_uuid()'
                    when atttypid = 'timestamptz'::regtype then 'now()'
                    when atttypid in ('json'::regtype, 'jsonb'::regtype) then quote_literal('{}')
                    when atttypid = 'text'::regtype then quote_literal('made up')
                    when atttypid = 'boolean'::regtype then 'false'
                    when typcategory = 'A' then quote_literal('{}')
                    else '1'
                end, ', ' order by attnum)
            from pg_attribute join pg_type t on t.oid = atttypid
            where attrelid = $1::regclass and attnum > 0 and not attisdropped and attnotnull and not atthasdef";
        let columns = sqlx::query(columns).bind(&table).bind(&tenant).bind(own.to_string());
        let row = columns.fetch_one(&mut superuser).await.unwrap();
        let (names, values): (String, String) = (row.get(0), row.get(1));
        world.run(&format!("insert into {table} ({names}) values ({values})")).await;
    }
}

/// Everything foreign that a statement without a WHERE reaches, for every table, in both directions.
pub async fn leaks(world: &World) -> Vec<String> {
    let mut superuser = world.superuser().await;
    let mut leaks = Vec::new();
    for (table, tenant) in tenant_tables(&mut superuser).await {
        for (own, other) in [(world.acme, world.globex), (world.globex, world.acme)] {
            let app = PgConnection::connect(&world.database.app_url).await.unwrap();
            let mut probe = Probe { app, table: &table, tenant: &tenant, own, other };
            leaks.extend(probe.run(&mut superuser).await);
        }
    }
    leaks
}

struct Probe<'a> {
    /// As the services' role.
    app: PgConnection,
    table: &'a str,
    tenant: &'a str,
    own: OrganizationId,
    other: OrganizationId,
}

impl Probe<'_> {
    async fn run(&mut self, superuser: &mut PgConnection) -> Vec<String> {
        let (table, tenant) = (self.table, self.tenant);
        let count = |organization: OrganizationId| {
            format!("select count(*) from {table} where {tenant} = '{}'", organization.uuid())
        };
        let own = scalar(superuser, &count(self.own)).await;
        let other = scalar(superuser, &count(self.other)).await;
        assert!(own > 0 && other > 0, "{table} has no rows to tell apart");
        let foreign_row = self.foreign_row(superuser).await;
        let mut leaks = Vec::new();
        let mut expect = |what: &str, is_right: bool| {
            if !is_right {
                leaks.push(format!("{table}: {what}"));
            }
        };
        for (what, sql) in self.reads() {
            let seen = self.tenants(&sql).await;
            expect(what, seen.is_none_or(|seen| seen.iter().all(|tenant| *tenant == self.own.uuid())));
        }
        expect("count", self.first_number(&format!("select count(*) from {table}")).await == Some(own));
        let analyze = format!("explain (analyze, format json) select {tenant} from {table}");
        expect("explain analyze", self.explained_rows(&analyze).await == own);
        // By its name alone, a table in partitions is not copied.
        let partitioned = format!("select count(*) from pg_partitioned_table where partrelid = '{table}'::regclass");
        if scalar(superuser, &partitioned).await == 0 {
            expect("copy to", self.copied_rows(table).await == own);
        }
        expect("copy a query to", self.copied_rows(&format!("(select * from {table})")).await == own);
        for (what, sql) in self.inserts(&foreign_row) {
            expect(what, self.is_refused(&sql).await);
        }
        expect("select without an organization", self.rows_without_organization().await == 0);
        leaks
    }

    /// Statements that answer with the tenant of each row that they reached.
    fn reads(&self) -> Vec<(&'static str, String)> {
        let (table, tenant) = (self.table, self.tenant);
        vec![
            ("select", format!("select {tenant} from {table}")),
            ("select for update", format!("select {tenant} from {table} for update")),
            ("select for share", format!("select {tenant} from {table} for key share")),
            ("update", format!("update {table} set {tenant} = {tenant} returning {tenant}")),
            ("delete", format!("delete from {table} returning {tenant}")),
            ("join", format!("select b.{tenant} from {table} a join {table} b on true")),
            ("subquery", format!("select {tenant} from {table} where {tenant} in (select {tenant} from {table})")),
            (
                "cte",
                format!(
                    "with reached as (update {table} set {tenant} = {tenant} returning {tenant}) \
                    select {tenant} from reached"
                ),
            ),
        ]
    }

    fn inserts(&self, foreign_row: &str) -> Vec<(&'static str, String)> {
        let (table, tenant) = (self.table, self.tenant);
        let foreign =
            format!("insert into {table} select * from jsonb_populate_record(null::{table}, '{foreign_row}'::jsonb)");
        let key = self.other.uuid();
        vec![
            ("insert", foreign.clone()),
            ("upsert", format!("{foreign} on conflict do nothing")),
            ("move", format!("update {table} set {tenant} = '{key}'")),
        ]
    }

    async fn foreign_row(&self, superuser: &mut PgConnection) -> String {
        let (table, tenant) = (self.table, self.tenant);
        let sql = format!("select to_jsonb(t)::text from {table} t where {tenant} = $1 limit 1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(self.other.uuid()).fetch_one(superuser).await.unwrap();
        row.get::<String, _>(0).replace('\'', "''")
    }

    /// A transaction that has its organization, and is never committed.
    async fn enter(&mut self) -> &mut PgConnection {
        sqlx::raw_sql("rollback; begin").execute(&mut self.app).await.unwrap();
        let set = "select set_config('claviger.organization', $1, true)";
        sqlx::query(set).bind(self.own.uuid().to_string()).execute(&mut self.app).await.unwrap();
        &mut self.app
    }

    /// `None` when the role may not do it at all, or when what its own rows hang together with forbids it.
    async fn tenants(&mut self, sql: &str) -> Option<Vec<uuid::Uuid>> {
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(self.enter().await).await;
        match rows {
            Ok(rows) => Some(rows.iter().map(|row| row.get(0)).collect()),
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
                assert!([REFUSED, "23503"].contains(&code.as_str()), "{}: {error}", self.table);
                None
            }
        }
    }

    async fn first_number(&mut self, sql: &str) -> Option<i64> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(self.enter().await).await.unwrap()
    }

    async fn explained_rows(&mut self, sql: &str) -> i64 {
        let statement = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let plan: serde_json::Value = statement.fetch_one(self.enter().await).await.unwrap();
        plan[0]["Plan"]["Actual Rows"].as_f64().unwrap() as i64
    }

    async fn copied_rows(&mut self, source: &str) -> i64 {
        let connection = self.enter().await;
        let copy = format!("copy {source} to stdout");
        let chunks: Vec<_> = connection.copy_out_raw(&copy).await.unwrap().try_collect().await.unwrap();
        chunks.iter().map(|chunk| chunk.iter().filter(|byte| **byte == b'\n').count() as i64).sum()
    }

    async fn is_refused(&mut self, sql: &str) -> bool {
        let result = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(self.enter().await).await;
        let code = result.err().and_then(|error| Some(error.as_database_error()?.code()?.into_owned()));
        code.as_deref() == Some(REFUSED)
    }

    async fn rows_without_organization(&mut self) -> i64 {
        sqlx::raw_sql("rollback").execute(&mut self.app).await.unwrap();
        scalar(&mut self.app, &format!("select count(*) from {}", self.table)).await
    }
}

async fn scalar(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_forgotten_where_reaches_nothing_foreign() {
    let world = World::start().await;
    fill(&world, world.acme).await;
    fill(&world, world.globex).await;
    assert_eq!(leaks(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_organizations_rows_look_like_rows_that_never_were() {
    let world = World::start().await;
    fill(&world, world.globex).await;
    let key = world.read(world.globex).await.list_keys(&store::KeyFilter::none(), &store::Slice::first(1)).await;
    let foreign = key.unwrap().items.remove(0);
    let absent = KeyId::mint(foreign.created_at);
    for id in [foreign.id, absent] {
        assert_eq!(world.find_key(world.acme, id).await, None);
        let mut write = world.write(world.acme).await;
        assert_eq!(write.delete_key(id).await.unwrap(), None);
        assert_eq!(write.update_key(id, 1, &crate::world::new_key("mine")).await.unwrap(), None);
        assert_eq!(write.find_customer("first").await.unwrap(), None);
    }
}
