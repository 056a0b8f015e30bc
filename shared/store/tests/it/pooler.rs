//! Through a real PgBouncer in transaction mode: two connections for everybody, and nothing is left on them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use dev::{LocalOptions, PgBouncer};
use domain::event::Event;
use domain::ids::OrganizationId;
use domain::policy::RevokeReason;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Row};
use store::{DatabaseConfig, Error, KeyFilter, NotReady, Pooler, Slice, Store};

use crate::world::{Dice, ENVIRONMENT, World, new_customer, new_key, new_secret, origin, peppers, scope};

const CLIENTS: u64 = 8;
const ITERATIONS: u64 = 50;

struct Pooled {
    world: World,
    bouncer: PgBouncer,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Pooled {
    async fn start() -> Self {
        let world = World::start().await;
        let folder = tempfile::tempdir().unwrap();
        let options = LocalOptions { directory: folder.path().join("pgbouncer"), port: None, is_durable: false };
        let bouncer = PgBouncer::start(options, &[&world.database], 2).await.unwrap();
        let store = Store::connect(&Self::config(&world, &bouncer, 16)).await.unwrap();
        Self { world, bouncer, store, _folder: folder }
    }

    fn config(world: &World, bouncer: &PgBouncer, pool_size: u32) -> DatabaseConfig {
        // The machine that runs the tests may be busy, and two connections are few.
        let new = DatabaseConfig::new(bouncer.url(&world.database).unwrap(), pool_size);
        DatabaseConfig { pooler: Pooler::Transaction, acquire_timeout_ms: 20_000, statement_timeout_ms: 20_000, ..new }
    }

    /// What the connections behind the pooler are set to, and what is prepared on them.
    async fn leftovers(&self) -> Vec<(String, String, i64)> {
        let url = self.bouncer.url(&self.world.database).unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        let options = options.extra_float_digits(None).statement_cache_capacity(0);
        let mut found = Vec::new();
        for _ in 0..20 {
            let mut connection = options.connect().await.unwrap();
            let sql = "select coalesce(current_setting('claviger.organization', true), ''),
                current_setting('statement_timeout'), (select count(*) from pg_prepared_statements where name <> '')";
            let row = sqlx::query(sql).persistent(false).fetch_one(&mut connection).await;
            // Outside a transaction the statement may be prepared on one connection and run on another.
            let Ok(row) = row else { continue };
            found.push((row.get(0), row.get(1), row.get(2)));
        }
        assert!(found.len() > 5, "the pooler answers");
        found
    }
}

async fn list_own(store: &Store, organization: OrganizationId) -> Result<Vec<OrganizationId>, Error> {
    let mut read = store.read(&scope(organization)).await?;
    let page = read.list_keys(&KeyFilter::none(), &Slice::first(50)).await?;
    Ok(page.items.iter().map(|key| key.organization_id).collect())
}

async fn insert_named(store: &Store, organization: OrganizationId, name: &str) -> Result<(), Error> {
    let mut write = store.write(&scope(organization), &origin()).await?;
    let customer = write.insert_customer(&new_customer(name)).await?;
    write.commit(Event::of("customer.created", customer.id)).await.map(drop)
}

async fn at_most_polls<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Works for two organizations in turn, and drops some of that half-way: how much it dropped, and what it was promised.
async fn take_turns(store: &Store, client: u64, organizations: [OrganizationId; 2], iterations: u64) -> (u64, i64) {
    let mut dice = Dice(20_261_121 + client);
    let (mut cancelled, mut acknowledged) = (0, 0);
    for iteration in 0..iterations {
        let organization = organizations[usize::try_from((iteration + client) % 2).unwrap()];
        let polls = if dice.below(8) == 0 { 1 + dice.below(6) } else { u64::MAX };
        if iteration % 10 == 0 {
            let name = format!("c{client}_{iteration}");
            match at_most_polls(polls, insert_named(store, organization, &name)).await {
                Some(result) => result.map(|()| acknowledged += 1).unwrap(),
                None => cancelled += 1,
            }
            continue;
        }
        match at_most_polls(polls, list_own(store, organization)).await {
            Some(owners) => assert_eq!(owners.unwrap(), [organization], "{client}, iteration {iteration}"),
            None => cancelled += 1,
        }
    }
    (cancelled, acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_that_serve_two_organizations_never_mix_them() {
    let pooled = Pooled::start().await;
    let world = &pooled.world;
    world.insert_key(world.acme, &new_key("of acme")).await.unwrap();
    world.insert_key(world.globex, &new_key("of globex")).await.unwrap();
    let tasks = (0..CLIENTS).map(|client| {
        let (store, organizations) = (pooled.store.clone(), [world.acme, world.globex]);
        tokio::spawn(async move { take_turns(&store, client, organizations, ITERATIONS).await })
    });
    let done = futures_util::future::join_all(tasks).await.into_iter().map(Result::unwrap);
    let (cancelled, acknowledged) = done.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{} transactions, {cancelled} of them cancelled", CLIENTS * ITERATIONS);
    assert!(cancelled > CLIENTS * ITERATIONS / 20, "only {cancelled} were cancelled");
    let kept = world.count("select count(*) from customers").await;
    assert!(kept >= acknowledged, "{acknowledged} were acknowledged and {kept} were kept");
    let open = "select count(*) from pg_stat_activity
        where datname = current_database() and state like 'idle in transaction%'";
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while world.count(open).await > 0 {
        assert!(std::time::Instant::now() < deadline, "a transaction stays open behind the pooler");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Ours, past the pooler; what is left is the pooler's.
    world.store.close().await;
    let servers = "select count(*) from pg_stat_activity where datname = current_database() and usename like '%_app'";
    assert_eq!(world.count(servers).await, 2, "the pooler holds two connections for {CLIENTS} clients");
    for (organization, timeout, prepared) in pooled.leftovers().await {
        assert_eq!((organization.as_str(), timeout.as_str(), prepared), ("", "0", 0), "left on a connection");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the lookup and the outbox are what is tested")]
async fn a_key_is_made_proven_and_revoked_through_a_pooler() {
    let pooled = Pooled::start().await;
    let (store, acme) = (&pooled.store, pooled.world.acme);
    store.check_ready().await.unwrap();
    assert!(store.check_role().await.unwrap().iter().all(|fault| !fault.starts_with("the role")));
    let (plain, secret) = new_secret(acme);
    let mut write = store.write(&scope(acme), &origin()).await.unwrap();
    let key = write.insert_key(&new_key("pooled"), &secret).await.unwrap();
    write.commit(Event::of("key.created", key.id)).await.unwrap();
    let find = async || {
        let ring = peppers();
        let proves = |organization, hash: &_| ring.proves(organization, &plain, hash);
        let mut found = store.find_snapshots(ENVIRONMENT, &plain, proves).await.unwrap();
        found.snapshots.pop().unwrap()
    };
    assert!(!find().await.key.is_revoked);
    let mut write = store.write(&scope(acme), &origin()).await.unwrap();
    write.revoke_key(key.id, RevokeReason::Other, None).await.unwrap().unwrap();
    let committed = write.commit(Event::of("key.revoked", key.id)).await.unwrap();
    assert!(find().await.key.is_revoked);
    store.find_due_outbox(None, 100).await.unwrap();
    store.delete_outbox(&committed.outbox_ids).await.unwrap();
}

#[tokio::test]
async fn a_pooler_that_nobody_declared_is_refused_and_not_misused() {
    let pooled = Pooled::start().await;
    let config = Pooled::config(&pooled.world, &pooled.bouncer, 2);
    let store = Store::connect(&DatabaseConfig { pooler: Pooler::None, ..config }).await.unwrap();
    let refused = store.check_ready().await.unwrap_err();
    let NotReady::Unavailable(Error::Unavailable(cause)) = &refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("unsupported startup parameter"), "{cause}");
}

#[tokio::test]
async fn a_slow_statement_is_given_up_behind_a_pooler_too() {
    let pooled = Pooled::start().await;
    let world = &pooled.world;
    let config = Pooled::config(world, &pooled.bouncer, 2);
    let store = Store::connect(&DatabaseConfig { statement_timeout_ms: 300, ..config }).await.unwrap();
    let customer = world.insert_customer(world.acme, "held").await;
    let mut holder = world.write(world.acme).await;
    holder.suspend_customer(customer.id).await.unwrap();
    let mut waiter = store.write(&scope(world.acme), &origin()).await.unwrap();
    let result = waiter.suspend_customer(customer.id).await;
    let Err(Error::Unavailable(cause)) = &result else { panic!("{result:?}") };
    assert!(cause.to_string().contains("statement timeout"), "the server gave it up, and not only we: {cause}");
}
