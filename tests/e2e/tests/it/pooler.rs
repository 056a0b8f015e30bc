//! The services behind a PgBouncer in transaction mode, two connections for each environment.

use domain::environment::Environment;
use futures_util::future::join_all;
use serde_json::json;
use testkit::World;

use crate::asking::{about, assert_all, verdicts, verify};

const STAGING: Environment = Environment::Staging;
const CALLERS: usize = 40;

/// More callers than connections, of two organizations in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_make_prove_and_revoke_keys_through_two_connections() {
    let world = World::builder().replicas(2).workers().pgbouncer(2).start().await;
    let (environment, api) = (world.environment(STAGING), world.api(STAGING));
    let owners = [(world.acme, &environment.organization_key), (world.globex, &environment.other_organization_key)];
    let lives = (0..CALLERS).map(async |caller| {
        let (organization, own) = owners[caller % 2];
        let own = api.with(own);
        let keys = api.path(organization, "keys");
        let made = own.post(&keys, &json!({"name": format!("caller {caller}")})).await.expect(201);
        let question = about(made.text("/secret"));
        let answer = verify(&environment.keys[caller % environment.keys.len()], &question).await;
        assert_eq!((&answer["verdict"], &answer["organization_id"]), (&json!("VALID"), &json!(organization)));
        let path = format!("{keys}/{}", made.text("/key/id"));
        assert_eq!(own.get(&path).await.expect(200).text("/organization_id"), organization.to_string());
        let foreign = owners[(caller + 1) % 2].1;
        api.with(foreign).get(&path).await.expect(404);
        own.post_empty(&format!("{path}/revoke")).await.expect(200);
        assert_all(&verdicts(environment, &question).await, "REVOKED");
    });
    join_all(lives).await;
}
