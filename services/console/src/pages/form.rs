//! What a form of one of the pages sent.

use http::header;
use poem::Request;
use server::json::read_body;
use server::problem::{ErrorCode, Problem};
use zeroize::Zeroizing;

use crate::app::App;
use crate::origin;

const FORM: &str = "application/x-www-form-urlencoded";
/// Room for a long password and a long address, percent-encoded.
const BYTES_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 16;

/// The fields of a form.
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads the form of a request that comes from one of the console's own pages. Nothing else is read at all.
    pub async fn read(app: &App, request: &mut Request) -> Result<Self, Problem> {
        origin::check(request.headers(), &app.origin())?;
        let kind = request.header(header::CONTENT_TYPE).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some(FORM) {
            return Err(Problem::new(ErrorCode::UnsupportedMediaType).detail("Send the form as a browser does."));
        }
        let bytes = read_body(request.take_body(), BYTES_MAX).await?;
        let fields = url::form_urlencoded::parse(&bytes).take(FIELDS_MAX);
        Ok(Self(fields.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect()))
    }

    /// A field; empty when it was not sent, and when it was sent twice.
    pub fn field(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => value,
            (_, _) => "",
        }
    }

    /// A field that is a secret.
    pub fn secret(&self, name: &str) -> Zeroizing<String> {
        Zeroizing::new(self.field(name).to_owned())
    }
}

/// A parameter of a page's URL; empty when it is missing.
pub fn parameter(request: &Request, name: &str) -> String {
    let query = request.uri().query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The last part of a page's path: the token of a link, or an organization.
pub fn last_segment(request: &Request) -> &str {
    request.uri().path().rsplit('/').next().unwrap_or_default()
}
