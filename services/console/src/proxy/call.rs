//! What the console itself asks of an environment, in the name of a person.

use domain::environment::Environment;
use http::Method;
use serde_json::Value;
use server::problem::{ErrorCode, Problem};

use super::away;
use crate::app::App;
use crate::tokens::{ActingAs, Behalf};

/// In whose name the console asks.
pub struct Caller<'a> {
    /// The console.
    pub app: &'a App,
    /// The person.
    pub behalf: Behalf<'a>,
    /// As whom.
    pub acting: ActingAs,
}

/// What came back.
pub struct Answered {
    /// As in HTTP.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Value,
}

impl Answered {
    /// What it says of itself where it is no success.
    pub fn reason(&self) -> String {
        let text = |member: &str| self.body[member].as_str().map(str::to_owned);
        text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("The answer was {}.", self.status))
    }

    /// The body of a success; otherwise a problem that says what the environment said.
    pub fn body(self, environment: Environment) -> Result<Value, Problem> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let code = match self.status {
            404 => ErrorCode::NotFound,
            409 => ErrorCode::Conflict,
            403 => ErrorCode::InsufficientPermissions,
            422 => ErrorCode::Validation,
            _ => ErrorCode::Unavailable,
        };
        Err(Problem::new(code).detail(format!("{environment}: {}", self.reason())))
    }
}

impl Caller<'_> {
    /// Asks one environment.
    pub async fn ask(
        &self,
        environment: Environment,
        (method, path): (Method, &str),
        body: Option<&Value>,
    ) -> Result<Answered, Problem> {
        let api = self.app.environments.get(&environment).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
        let token = self.app.tokens.make(&self.behalf, &self.acting, environment).await?;
        let url = format!("{}{path}", api.api_url.trim_end_matches('/'));
        let mut request = self.app.apis.request(method, &url, &token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| away(environment, error))?;
        let status = answer.status().as_u16();
        Ok(Answered { status, body: answer.json().await.unwrap_or_default() })
    }
}
