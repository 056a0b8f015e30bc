//! Links that are good once: setup, a new password, an invitation. A look uses nothing.

use chrono::TimeDelta;
use console::cookies::{self, Token};
use domain::email::Email;
use domain::event::Event;
use domain::ids::{OrganizationId, UserId};
use store::control::Roles;
use testkit::ConsoleWorld;

use crate::{EMAIL, PASSWORD, assurance, enrol, place, sign_in};

async fn reset_link(world: &ConsoleWorld, user: UserId) -> String {
    let token = Token::generate();
    let mut write = world.write().await;
    write.insert_reset(&token.hash(), user, TimeDelta::minutes(30)).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    format!("/reset/{}", token.expose())
}

async fn invite_link(world: &ConsoleWorld, organization: OrganizationId, email: &str, inviter: UserId) -> String {
    let token = Token::generate();
    let mut write = world.write().await;
    let whom = (organization, &Email::parse(email).unwrap());
    let roles = Roles::everywhere("developer");
    let link = (&token.hash(), TimeDelta::days(7));
    let id = write.insert_invite(whom, &roles, Some(inviter), link).await.unwrap();
    write.commit(organization, &Event::of("invite.created", id)).await.unwrap();
    format!("/invite/{}", token.expose())
}

async fn setup_token(world: &ConsoleWorld) -> Token {
    let token = Token::generate();
    let mut write = world.write().await;
    write.insert_setup_token(&token.hash(), TimeDelta::hours(1)).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_server_admin_is_made_once_with_the_token() {
    let world = ConsoleWorld::start().await;
    let (one, other) = (setup_token(&world).await, setup_token(&world).await);
    let fields = |token: &str| {
        [("token", token), ("email", EMAIL), ("name", "Ines"), ("new_password", PASSWORD)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let post = async |token: &str| {
        let mut browser = world.browser();
        let fields = fields(token);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        (browser.post_form("/setup", &fields).await, browser)
    };
    world.browser().get("/setup").await.expect(200);
    post(Token::generate().expose()).await.0.expect(422);
    let (first, second) = tokio::join!(post(one.expose()), post(other.expose()));
    let mut places: Vec<String> = [&first, &second].map(|(answer, _)| place(answer).to_owned()).into();
    places.sort_unstable();
    assert_eq!(places, ["/", "/login"], "one of two at once");
    let mut browser = if place(&first.0) == "/" { first.1 } else { second.1 };
    let session = browser.call(http::Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.body["user"]["is_server_admin"], true);
    assert_eq!(place(&world.browser().get("/setup").await.expect(303)), "/login");
    assert_eq!(place(&post(other.expose()).await.0), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_works_once_and_skips_nothing() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut before = world.signed_in(user).await;
    enrol(&world, &mut before).await;
    let (link, unused) = (reset_link(&world, user).await, reset_link(&world, user).await);
    for _ in 0..3 {
        world.browser().get(&link).await.expect(200);
    }
    let new = [("new_password", "a tangerine outpost")];
    world.browser().post_form(&link, &[("new_password", "short")]).await.expect(422);
    let (one, other) = {
        let (mut a, mut b) = (world.browser(), world.browser());
        tokio::join!(a.post_form(&link, &new), b.post_form(&link, &new))
    };
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    assert!(one.header("set-cookie").is_empty() && other.header("set-cookie").is_empty(), "it signs nobody in");
    before.call(http::Method::GET, "/bff/control/v1/session", None).await.expect(401);
    world.browser().get(&unused).await.expect(404);
    let mut browser = world.browser();
    assert_eq!(place(&sign_in(&mut browser, EMAIL, "a tangerine outpost").await.expect(303)), "/login/2fa");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_lets_in_whom_a_stranger_has_locked_out() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    for _ in 0..11 {
        sign_in(&mut world.browser(), EMAIL, "another four words").await.expect(422);
    }
    sign_in(&mut world.browser(), EMAIL, PASSWORD).await.expect(422);
    let link = reset_link(&world, user).await;
    world.browser().post_form(&link, &[("new_password", "a tangerine outpost")]).await.expect(200);
    sign_in(&mut world.browser(), EMAIL, "a tangerine outpost").await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_makes_a_member_once() {
    let world = ConsoleWorld::start().await;
    let organization = world.add_organization("halden").await;
    let owner = world.add_user("owner@halden.app", PASSWORD).await;
    world.add_member(organization, owner, "owner").await;
    let link = invite_link(&world, organization, EMAIL, owner).await;
    let page = world.browser().get(&link).await.expect(200);
    assert!(page.body.as_str().unwrap().contains(EMAIL));
    let mut browser = world.browser();
    browser.post_form(&link, &[("name", "Ines"), ("new_password", "short")]).await.expect(422);
    let fields = [("name", "Ines"), ("new_password", PASSWORD)];
    assert_eq!(place(&browser.post_form(&link, &fields).await.expect(303)), "/o/halden");
    let session = browser.call(http::Method::GET, "/bff/control/v1/session", None).await.expect(200);
    assert_eq!(session.text("/organizations/0/roles/production"), "developer");
    world.browser().post_form(&link, &fields).await.expect(404);
    world.browser().get(&link).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_page_does_not_tell_of_an_account() {
    let world = ConsoleWorld::start().await;
    let organization = world.add_organization("halden").await;
    let owner = world.add_user("owner@halden.app", PASSWORD).await;
    let known = world.add_user(EMAIL, PASSWORD).await;
    let mut texts = Vec::new();
    for email in [EMAIL, "nobody@halden.app"] {
        let link = invite_link(&world, organization, email, owner).await;
        let page = world.browser().get(&link).await.expect(200);
        let refused = world.browser().post_form(&link, &[("name", "N"), ("new_password", "password1234")]).await;
        let plain = |text: &str| text.replace(email, "EMAIL").replace(&link, "LINK");
        texts.push((plain(page.body.as_str().unwrap()), plain(refused.expect(422).body.as_str().unwrap())));
    }
    assert_eq!(texts[0], texts[1]);
    // With a second factor the link and the password alone make nobody a member.
    enrol(&world, &mut world.signed_in(known).await).await;
    let link = invite_link(&world, organization, EMAIL, owner).await;
    let mut browser = world.browser();
    let fields = [("name", ""), ("new_password", PASSWORD)];
    assert_eq!(place(&browser.post_form(&link, &fields).await.expect(303)), "/login/2fa");
    world.browser().get(&link).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_accepts_for_their_own_address() {
    let world = ConsoleWorld::start().await;
    let organization = world.add_organization("halden").await;
    let owner = world.add_user("owner@halden.app", PASSWORD).await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let link = invite_link(&world, organization, EMAIL, owner).await;
    let mut other = world.signed_in(owner).await;
    other.post_form(&link, &[("name", ""), ("new_password", "")]).await.expect(422);
    let mut own = world.signed_in(user).await;
    assert_eq!(place(&own.post_form(&link, &[("x", "")]).await.expect(303)), "/o/halden");
    assert_eq!(assurance(&mut own).await, "password");
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_end_with_whoever_made_them() {
    let world = ConsoleWorld::start().await;
    let organization = world.add_organization("halden").await;
    let owner = world.add_user("owner@halden.app", PASSWORD).await;
    let link = invite_link(&world, organization, EMAIL, owner).await;
    let mut write = world.write().await;
    write.set_disabled(owner, true).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    world.browser().get(&link).await.expect(404);
    let mut browser = world.browser();
    browser.post_form(&link, &[("name", "I"), ("new_password", PASSWORD)]).await.expect(404);
    assert!(browser.cookie(cookies::SESSION).is_none());
}
