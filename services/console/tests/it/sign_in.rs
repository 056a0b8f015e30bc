//! Signing in: the way through, and what is said to whoever does not get through.

use console::cookies;
use sqlx::{Connection, PgConnection, Row};
use testkit::ConsoleWorld;

use crate::{EMAIL, PASSWORD, assurance, code, enrol, place, sign_in};

/// What the access log has of an outcome.
async fn logged(world: &ConsoleWorld, outcome: &str) -> i64 {
    let mut database = PgConnection::connect(&world.database.owner_url).await.unwrap();
    let sql = "select count(*) from access_log where outcome = $1";
    sqlx::query(sql).bind(outcome).fetch_one(&mut database).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_leads_to_where_the_person_wanted_to_go() {
    let world = ConsoleWorld::start().await;
    world.add_user(EMAIL, PASSWORD).await;
    let mut browser = world.browser();
    let asked = browser.get("/o/halden?tab=1").await.expect(303);
    assert_eq!(place(&asked), "/login?next=%2Fo%2Fhalden%3Ftab%3D1");
    let page = browser.get("/login?next=%2Fo%2Fhalden%3Ftab%3D1").await.expect(200);
    assert!(page.body.as_str().unwrap().contains("value=\"/o/halden?tab=1\""));
    let done = sign_in(&mut browser, "Ines+x@HALDEN.app", PASSWORD).await.expect(303);
    assert_eq!(place(&done), "/o/halden");
    assert_eq!(assurance(&mut browser).await, "password");
    let cookie =
        done.headers.get_all("set-cookie").iter().find(|value| value.to_str().unwrap().starts_with(cookies::SESSION));
    let cookie = cookie.unwrap().to_str().unwrap();
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(logged(&world, "succeeded").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_whether_there_is_an_account() {
    let world = ConsoleWorld::start().await;
    world.add_user(EMAIL, PASSWORD).await;
    let disabled = world.add_user("gone@halden.app", PASSWORD).await;
    let mut write = world.write().await;
    write.set_disabled(disabled, true).await.unwrap();
    write.commit_bookkeeping().await.unwrap();
    let mut texts = Vec::new();
    for (email, password) in [
        (EMAIL, "another four words"),
        ("nobody@halden.app", PASSWORD),
        ("gone@halden.app", PASSWORD),
        ("no address", PASSWORD),
    ] {
        let mut browser = world.browser();
        let refused = sign_in(&mut browser, email, password).await.expect(422);
        assert!(browser.cookie(cookies::SESSION).is_none());
        assert!(browser.cookie(cookies::DEVICE).is_none(), "a device is told to whoever knows the password");
        texts.push(refused.body.as_str().unwrap().replace(email, "EMAIL"));
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    let mut forgotten = Vec::new();
    for email in [EMAIL, "nobody@halden.app"] {
        let answer = world.browser().post_form("/forgot", &[("email", email)]).await.expect(200);
        forgotten.push(answer.body.as_str().unwrap().to_owned());
    }
    assert_eq!(forgotten[0], forgotten[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_stopped_and_its_victim_is_not() {
    let world = ConsoleWorld::start().await;
    world.add_user(EMAIL, PASSWORD).await;
    let mut owner = world.browser();
    sign_in(&mut owner, EMAIL, PASSWORD).await.expect(303);
    let mut stranger = world.browser();
    let spellings = ["ines@halden.app", "INES@halden.app", "ines+a@halden.app", "ines+b@Halden.App"];
    for attempt in 0..10 {
        sign_in(&mut stranger, spellings[attempt % 4], "another four words").await.expect(422);
    }
    let refused = sign_in(&mut stranger, EMAIL, PASSWORD).await.expect(422);
    assert!(refused.body.as_str().unwrap().contains("too many attempts"));
    assert_eq!(logged(&world, "locked").await, 1);
    assert_eq!(assurance(&mut owner).await, "password", "the session that there is goes on");
    owner.forget_cookie(cookies::SESSION);
    sign_in(&mut owner, EMAIL, PASSWORD).await.expect(303);
    // The browser that is known has a count of its own, which ends, too.
    owner.forget_cookie(cookies::SESSION);
    for _ in 0..10 {
        sign_in(&mut owner, EMAIL, "another four words").await.expect(422);
    }
    sign_in(&mut owner, EMAIL, PASSWORD).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_are_counted_one_by_one() {
    let world = ConsoleWorld::builder().replicas(2).start().await;
    world.add_user(EMAIL, PASSWORD).await;
    let guess = async |number: usize| {
        let mut browser = world.browser().at(&world.urls[number % 2]);
        sign_in(&mut browser, EMAIL, "another four words").await;
    };
    futures_util::future::join_all((0..16).map(guess)).await;
    assert_eq!(logged(&world, "wrong-credentials").await + logged(&world, "too-busy").await, 10);
    sign_in(&mut world.browser(), EMAIL, PASSWORD).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_before_there_is_a_session() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut before = world.signed_in(user).await;
    let (secret, recovery) = enrol(&world, &mut before).await;
    assert_eq!(assurance(&mut before).await, "second-factor");
    let mut browser = world.browser();
    let asked = sign_in(&mut browser, EMAIL, PASSWORD).await.expect(303);
    assert_eq!(place(&asked), "/login/2fa");
    assert!(browser.cookie(cookies::SESSION).is_none());
    let half = browser.cookie(cookies::SIGN_IN).unwrap().to_owned();
    let mut thief = world.browser();
    thief.set_cookie(cookies::SESSION, &half);
    thief.call(http::Method::GET, "/bff/control/v1/session", None).await.expect(401);
    let now = code(&world, &secret, 0).await;
    browser.post_form("/login/2fa", &[("code", "000000")]).await.expect(422);
    let done = browser.post_form("/login/2fa", &[("code", &format!(" {} {}", &now[..3], &now[3..]))]).await.expect(303);
    assert_eq!(place(&done), "/o/halden");
    assert_eq!(assurance(&mut browser).await, "second-factor");
    assert!(browser.cookie(cookies::SIGN_IN).is_none());

    // The same code again, and a recovery code twice.
    let mut second = world.browser();
    sign_in(&mut second, EMAIL, PASSWORD).await.expect(303);
    second.post_form("/login/2fa", &[("code", &now)]).await.expect(422);
    let typed = recovery[0].to_lowercase().replace('-', " ");
    second.post_form("/login/recovery", &[("code", &typed)]).await.expect(303);
    assert_eq!(assurance(&mut second).await, "second-factor");
    let mut third = world.browser();
    sign_in(&mut third, EMAIL, PASSWORD).await.expect(303);
    third.post_form("/login/recovery", &[("code", &recovery[0])]).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_makes_one_session_over_two_replicas() {
    let world = ConsoleWorld::builder().replicas(2).start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let (secret, _) = enrol(&world, &mut world.signed_in(user).await).await;
    let mut browsers = Vec::new();
    for number in 0..8 {
        let mut browser = world.browser().at(&world.urls[number % 2]);
        sign_in(&mut browser, EMAIL, PASSWORD).await.expect(303);
        browsers.push(browser);
    }
    let now = code(&world, &secret, 1).await;
    let fields = [("code", now.as_str())];
    let answers =
        futures_util::future::join_all(browsers.iter_mut().map(|browser| browser.post_form("/login/2fa", &fields)))
            .await;
    let accepted = answers.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_in_a_thousand_races() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let mut write = world.write().await;
    assert!(write.insert_second_factor(user, b"sealed").await.unwrap());
    assert!(write.confirm_second_factor(user, b"sealed", 1).await.unwrap());
    write.commit_bookkeeping().await.unwrap();
    let take = async |step: i64| {
        let mut write = world.write().await;
        let is_first = write.use_step(user, b"sealed", step).await.unwrap();
        write.commit_bookkeeping().await.unwrap();
        is_first
    };
    for step in 2..1_002 {
        let (one, other) = tokio::join!(take(step), take(step));
        assert!(one != other, "step {step}: {one} and {other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_too_old_has_to_be_changed() {
    let world = ConsoleWorld::start().await;
    let user = world.add_user(EMAIL, PASSWORD).await;
    let organization = world.add_organization("halden").await;
    world.add_member(organization, user, "developer").await;
    let mut database = PgConnection::connect(&world.database.owner_url).await.unwrap();
    sqlx::query("update organizations set password_max_days = 30").execute(&mut database).await.unwrap();
    sqlx::query("update users set password_changed_at = password_changed_at - interval '31 days'")
        .execute(&mut database)
        .await
        .unwrap();
    let mut browser = world.browser();
    assert_eq!(place(&sign_in(&mut browser, EMAIL, PASSWORD).await.expect(303)), "/login/password");
    assert!(browser.cookie(cookies::SESSION).is_none());
    for (now, new) in
        [("wrong", "a tangerine outpost"), (PASSWORD, PASSWORD), (PASSWORD, "short"), (PASSWORD, "password1234")]
    {
        browser.post_form("/login/password", &[("password", now), ("new_password", new)]).await.expect(422);
    }
    let fields = [("password", PASSWORD), ("new_password", "a tangerine outpost")];
    assert_eq!(place(&browser.post_form("/login/password", &fields).await.expect(303)), "/o/halden");
    assert_eq!(assurance(&mut browser).await, "password");
    sign_in(&mut world.browser(), EMAIL, PASSWORD).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_own_page_shows_what_it_says() {
    let world = ConsoleWorld::start().await;
    world.add_organization("halden").await;
    let mut database = PgConnection::connect(&world.database.owner_url).await.unwrap();
    sqlx::query("update organizations set login_text = '<b>Mind</b> the gap', login_accent = '#0a7d5c'")
        .execute(&mut database)
        .await
        .unwrap();
    let page = world.browser().get("/o/halden/login").await.expect(200);
    let text = page.body.as_str().unwrap();
    assert!(text.contains("&lt;b&gt;Mind&lt;/b&gt; the gap"), "{text}");
    assert!(text.contains("/pages/accent-0a7d5c.css"), "{text}");
    let style = world.browser().get("/pages/accent-0a7d5c.css").await.expect(200);
    assert!(style.body.as_str().unwrap().contains("#0a7d5c"));
    world.browser().get("/pages/accent-zzzzzz.css").await.expect(404);
    let unknown = world.browser().get("/o/nobody/login").await.expect(200);
    let plain = world.browser().get("/login").await.expect(200);
    assert_eq!(unknown.body, plain.body);
}
