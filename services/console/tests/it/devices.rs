//! Device approvals: a sign-in from a new browser waits, and goes on when somebody who may says so.

use console::cookies;
use domain::ids::OrganizationId;
use http::Method;
use sqlx::{Connection, PgConnection};
use testkit::ConsoleWorld;

use crate::{EMAIL, PASSWORD, assurance, place, sign_in};

const DEVICES: &str = "/bff/control/v1/account/devices";

async fn demand_approvals(world: &ConsoleWorld, organization: OrganizationId) {
    let mut database = PgConnection::connect(&world.database.owner_url).await.unwrap();
    let sql = "update organizations set device_approvals = true where id = $1";
    sqlx::query(sql).bind(organization.uuid()).execute(&mut database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_waits_for_one_that_is_known() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let organization = world.add_organization("halden").await;
    world.add_member(organization, user, "owner").await;
    let mut known = world.browser();
    sign_in(&mut known, EMAIL, PASSWORD).await.expect(303);
    demand_approvals(&world, organization).await;
    let mut new = world.browser();
    assert_eq!(place(&sign_in(&mut new, EMAIL, PASSWORD).await.expect(303)), "/login/device");
    new.get("/login/device").await.expect(200);
    assert!(new.cookie(cookies::SESSION).is_none());
    let list = known.call(Method::GET, DEVICES, None).await.expect(200);
    assert_eq!(list.text("/items/0/state"), "pending");
    let id = list.text("/items/0/id").to_owned();
    let other = world.add_user("other@halden.app", PASSWORD).await;
    let mut other = world.signed_in(other).await;
    other.call(Method::POST, &format!("{DEVICES}/{id}/approve"), None).await.expect(404);
    known.call(Method::POST, &format!("{DEVICES}/{id}/approve"), None).await.expect(204);
    assert_eq!(place(&new.get("/login/device").await.expect(303)), "/o/halden");
    assert_eq!(assurance(&mut new).await, "password");
    // Known from now on.
    new.forget_cookie(cookies::SESSION);
    assert_eq!(place(&sign_in(&mut new, EMAIL, PASSWORD).await.expect(303)), "/o/halden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_device_starts_again() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let organization = world.add_organization("halden").await;
    world.add_member(organization, user, "owner").await;
    let mut known = world.browser();
    sign_in(&mut known, EMAIL, PASSWORD).await.expect(303);
    demand_approvals(&world, organization).await;
    let mut new = world.browser();
    sign_in(&mut new, EMAIL, PASSWORD).await.expect(303);
    let id = known.call(Method::GET, DEVICES, None).await.expect(200).text("/items/0/id").to_owned();
    known.call(Method::POST, &format!("{DEVICES}/{id}/refuse"), None).await.expect(204);
    assert_eq!(place(&new.get("/login/device").await.expect(303)), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_wait_never_push_out_an_approved_one() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let organization = world.add_organization("halden").await;
    world.add_member(organization, user, "owner").await;
    let mut known = world.browser();
    sign_in(&mut known, EMAIL, PASSWORD).await.expect(303);
    demand_approvals(&world, organization).await;
    for _ in 0..20 {
        sign_in(&mut world.browser(), EMAIL, PASSWORD).await.expect(303);
    }
    let list = known.call(Method::GET, DEVICES, None).await.expect(200);
    let states: Vec<&str> =
        list.body["items"].as_array().unwrap().iter().map(|item| item["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["pending", "pending", "pending", "pending", "pending", "approved"]);
    known.forget_cookie(cookies::SESSION);
    assert_eq!(place(&sign_in(&mut known, EMAIL, PASSWORD).await.expect(303)), "/o/halden");
}
