//! The documentation that an installation serves itself.

use domain::environment::Environment;
use reqwest::Method;

use crate::support::{Caller, Installation};

#[tokio::test]
async fn what_the_pages_point_at_is_served() {
    let installation = Installation::start().await;
    let side = installation.side(Environment::Production);
    let get = async |path: &str| {
        let answer = side.ask(&Caller::anonymous(), Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let content_type = answer.headers["content-type"].to_str().unwrap().to_owned();
        assert!(answer.headers.contains_key("content-security-policy"), "{path}");
        (content_type, answer.text)
    };
    for page in ["/v1/docs", "/v1/errors"] {
        let (content_type, html) = get(page).await;
        assert!(content_type.starts_with("text/html"), "{page}: {content_type}");
        let mut linked = 0;
        for path in html.split('"').filter(|text| text.starts_with("/v1/")) {
            get(path).await;
            linked += 1;
        }
        assert!(linked > 1, "{page} has a style and an icon");
    }
    let (_, document) = get("/v1/openapi.json").await;
    assert!(document.contains("(/v1/errors)"), "its introduction leads to the page of errors");
    let missing = side.ask(&Caller::anonymous(), Method::GET, "/v1/whoami", None).await.json();
    let (page, code) = missing["type"].as_str().unwrap().split_once('#').unwrap().to_owned();
    let (_, html) = get(page).await;
    assert!(html.contains(&format!("<h2 id=\"{code}\">")), "{missing}");
}
