//! Success answers, documented with the status they carry.

use http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};

/// The media type of every answer and every request body, without a charset: JSON has none.
pub const JSON: &str = "application/json";

/// A JSON answer with its status in the type.
#[derive(Debug)]
pub struct Answer<T, const STATUS: u16> {
    body: T,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// 200 with a body.
pub type Ok200<T> = Answer<T, 200>;
/// 201 with the thing that was created.
pub type Created<T> = Answer<T, 201>;
/// 202 with the job that was accepted.
pub type Accepted<T> = Answer<T, 202>;

impl<T, const STATUS: u16> Answer<T, STATUS> {
    /// An answer with this body.
    pub fn new(body: T) -> Self {
        Self { body, headers: Vec::new() }
    }

    /// Adds the strong `ETag` of this version.
    pub fn etag(self, version: i64) -> Self {
        let value = HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value");
        self.header(header::ETAG, value)
    }

    /// Adds a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<T: ToJSON, const STATUS: u16> IntoResponse for Answer<T, STATUS> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).expect("the aliases of this module name statuses");
        let mut response = Response::builder().status(status).content_type(JSON).body(self.body.to_json_string());
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: ToJSON, const STATUS: u16> ApiResponse for Answer<T, STATUS> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        MetaResponses { responses: vec![documented(STATUS, content)] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204 without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![documented(204, Vec::new())] }
    }

    fn register(_registry: &mut Registry) {}
}

fn documented(status: u16, content: Vec<MetaMediaType>) -> MetaResponse {
    let request_id = MetaHeader {
        name: "X-Request-Id".to_owned(),
        description: Some("The id under which the request was logged.".to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    };
    let description = match status {
        201 => "Created.",
        202 => "Accepted; the work goes on.",
        204 => "Done; there is nothing to say.",
        _ => "Done.",
    };
    MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![request_id] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_plain_json_with_its_etag() {
        let response = Created::new(vec![1_i64]).etag(7).into_response();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[header::ETAG], "\"7\"");
        assert_eq!(response.into_body().into_string().await.unwrap(), "[1]");
    }
}
