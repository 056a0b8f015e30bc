//! The ground that the other tests stand on: processes that fall and come back one by one.

use std::time::Duration;

use serde_json::json;
use testkit::{Fault, Fleet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_loses_redis_or_dies_leaves_others_alone() {
    let mut fleet = Fleet::builder().replicas(2).proxied().start().await;
    let question = json!({"key": fleet.place().organization_key});
    let enforced = async |fleet: &Fleet, replica: usize| {
        let answer = fleet.place().keys(replica).post("/v1/keys/verify", &question).await.expect(200);
        assert_eq!(answer.body["verdict"], "VALID");
        answer.text("/limits/0/enforced").to_owned()
    };
    assert_eq!((enforced(&fleet, 0).await.as_str(), enforced(&fleet, 1).await.as_str()), ("global", "global"));
    fleet.keys[0].set_redis(&Fault::Refused);
    assert_eq!((enforced(&fleet, 0).await.as_str(), enforced(&fleet, 1).await.as_str()), ("local", "global"));
    fleet.keys[0].set_redis(&Fault::None);
    tokio::time::timeout(Duration::from_secs(5), async {
        while enforced(&fleet, 0).await != "global" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    fleet.keys[0].kill();
    assert_eq!(enforced(&fleet, 1).await, "global");
    fleet.keys[0].restart().unwrap();
    fleet.keys[0].await_ready().await.unwrap();
    assert_eq!(enforced(&fleet, 0).await, "global");
}
