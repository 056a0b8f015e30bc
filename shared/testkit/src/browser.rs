//! A browser as the console sees one: it keeps cookies, says where its requests come from, and follows no redirect.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::answer::Answer;

/// One person's browser.
#[derive(Debug, Clone)]
pub struct Browser {
    http: reqwest::Client,
    base_url: String,
    origin: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(base_url: &str, origin: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build();
        let http = http.expect("the settings are constants that the client takes");
        Self { http, base_url: base_url.to_owned(), origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    /// The same browser at another address, as of another replica.
    pub fn at(&self, base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), ..self.clone() }
    }

    /// A cookie that it keeps.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Plants a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Forgets a cookie.
    pub fn forget_cookie(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Looks at a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        self.send(request).await
    }

    /// Sends a form of a page of the console.
    pub async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.origin.clone();
        let request = self.request(Method::POST, path).header("accept", "text/html,*/*;q=0.8");
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        self.send(request.header("origin", origin).header("sec-fetch-site", "same-origin")).await
    }

    /// Calls an operation as the web app does.
    pub async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request =
            self.request(method, path).header("origin", self.origin.clone()).header("x-claviger-request", "1");
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request).await
    }

    /// A request with its cookies and nothing else; [`Self::send`] sends it.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        if self.cookies.is_empty() {
            return request;
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", cookies.join("; "))
    }

    /// Sends a request, reads the whole answer and keeps its cookies.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the console answers");
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap_or_default();
            let (name, value) = pair.split(';').next().and_then(|pair| pair.split_once('=')).unwrap_or_default();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = response.text().await.expect("the answer is whole");
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        Answer { status, headers, body }
    }
}
