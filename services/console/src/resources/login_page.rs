//! `organizations/{o}/login-page`: the page on which an organization's people sign in.

use data_encoding::BASE64;
use poem_openapi::param::Path;
use poem_openapi::types::ToJSON;
use poem_openapi::{Object, OpenApi};
use server::answer::Ok200;
use server::json::Json;
use server::problem::{FieldError, Problem};
use store::control::LoginPage;

use super::Tags;
use crate::access::Member;
use crate::clearable::Clearable;
use crate::operation::operations;

const TEXT_CHARS_MAX: usize = 500;
const LOGO_BYTES_MAX: usize = 64 * 1024;
/// Room for the logo in base64, and the rest.
const BODY_BYTES_MAX: usize = 128 * 1024;
/// Pictures that are nothing else: the beginning of the data URI, and of the picture.
const PICTURES: [(&str, &[u8]); 3] = [
    ("data:image/png;base64,", b"\x89PNG\r\n\x1a\n"),
    ("data:image/jpeg;base64,", b"\xff\xd8\xff"),
    ("data:image/webp;base64,", b"RIFF"),
];

operations! {
    ShowLoginPage   => Members;
    UpdateLoginPage => Managers, event("login-page.updated");
}

/// The page on which an organization's people sign in.
#[derive(Debug, Clone, Object)]
#[oai(rename = "LoginPage")]
pub struct LoginPageBody {
    /// Shown above the form.
    pub text: String,
    /// `#rrggbb`; `null` for the console's own.
    pub accent: Option<String>,
    /// A picture as a data URI; `null` for the console's own.
    pub logo: Option<String>,
    /// Where the page is.
    pub url: String,
}

/// Changes to the page. What is left out stays.
#[derive(Debug, Clone, Object)]
#[oai(deny_unknown_fields)]
pub struct LoginPagePatch {
    /// Up to 500 characters, shown as they are.
    pub text: Option<String>,
    /// `#rrggbb`, or `null`.
    pub accent: Clearable<String>,
    /// A PNG, JPEG or WebP of up to 64 KiB as a data URI, or `null`.
    pub logo: Clearable<String>,
}

/// The operations on the page for signing in.
pub struct Api;

#[OpenApi]
impl Api {
    /// Show the page for signing in
    #[oai(
        path = "/bff/control/v1/organizations/:organization/login-page",
        method = "get",
        operation_id = "show_login_page",
        tag = "Tags::Organizations"
    )]
    async fn show_login_page(
        &self,
        access: Member<ShowLoginPage>,
        #[oai(name = "organization")] _organization: Path<String>,
    ) -> Result<Ok200<LoginPageBody>, Problem> {
        Ok(Ok200::new(access.login_page_body(&access.organization.login_page)))
    }

    /// Change the page for signing in
    #[oai(
        path = "/bff/control/v1/organizations/:organization/login-page",
        method = "patch",
        operation_id = "update_login_page",
        tag = "Tags::Organizations"
    )]
    async fn update_login_page(
        &self,
        access: Member<UpdateLoginPage>,
        #[oai(name = "organization")] _organization: Path<String>,
        body: Json<LoginPagePatch, BODY_BYTES_MAX>,
    ) -> Result<Ok200<LoginPageBody>, Problem> {
        let before = &access.organization.login_page;
        let after = body.parse()?.over(before)?;
        let mut write = access.write().await?;
        write.update_login_page(access.organization.id, &after).await?;
        let view = |page: &LoginPage| {
            let mut view = access.login_page_body(page).to_json().unwrap_or_default();
            // A picture is no text for a log.
            view["logo"] = serde_json::json!(page.logo.as_ref().map(|logo| format!("{} bytes", logo.len())));
            Some(view)
        };
        let event = access.event(access.organization.id).changed(view(before), view(&after));
        access.commit(write, &event).await?;
        Ok(Ok200::new(access.login_page_body(&after)))
    }
}

impl<O: crate::operation::Operation> Member<O> {
    fn login_page_body(&self, page: &LoginPage) -> LoginPageBody {
        LoginPageBody {
            text: page.text.clone(),
            accent: page.accent.clone(),
            logo: page.logo.clone(),
            url: self.app.link(&format!("/o/{}/login", self.organization.slug)),
        }
    }
}

impl LoginPagePatch {
    fn over(self, before: &LoginPage) -> Result<LoginPage, Problem> {
        let mut errors = Vec::new();
        let text = self.text.unwrap_or_else(|| before.text.clone());
        if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
            let message = format!("Send up to {TEXT_CHARS_MAX} characters without control characters.");
            errors.push(FieldError::new("/text", "text", message));
        }
        let accent = match self.accent {
            Clearable::Undefined => before.accent.clone(),
            Clearable::Null => None,
            Clearable::Value(color) => {
                if !is_color(&color) {
                    errors.push(FieldError::new("/accent", "color", "Send a color as #rrggbb, or null."));
                }
                Some(color.to_ascii_lowercase())
            }
        };
        let logo = match self.logo {
            Clearable::Undefined => before.logo.clone(),
            Clearable::Null => None,
            Clearable::Value(logo) => {
                if !is_picture(&logo) {
                    let message = "Send a PNG, JPEG or WebP of up to 64 KiB as a data URI, or null.";
                    errors.push(FieldError::new("/logo", "picture", message));
                }
                Some(logo)
            }
        };
        if errors.is_empty() { Ok(LoginPage { text, accent, logo }) } else { Err(Problem::validation(errors)) }
    }
}

fn is_color(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_picture(uri: &str) -> bool {
    PICTURES.into_iter().any(|(start, magic)| {
        let bytes = uri.strip_prefix(start).and_then(|text| BASE64.decode(text.as_bytes()).ok());
        bytes.is_some_and(|bytes| bytes.len() <= LOGO_BYTES_MAX && bytes.starts_with(magic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_a_picture_and_nothing_that_runs() {
        let png = format!("data:image/png;base64,{}", BASE64.encode(b"\x89PNG\r\n\x1a\nrest"));
        assert!(is_picture(&png));
        let svg = format!("data:image/svg+xml;base64,{}", BASE64.encode(b"<svg onload=alert(1)>"));
        let disguised = format!("data:image/png;base64,{}", BASE64.encode(b"<svg onload=alert(1)>"));
        let large = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; LOGO_BYTES_MAX]].concat();
        let large = format!("data:image/png;base64,{}", BASE64.encode(&large));
        for bad in [svg.as_str(), &disguised, &large, "https://evil.test/logo.png", "data:image/png;base64,!", ""] {
            assert!(!is_picture(bad), "{}", &bad[..bad.len().min(40)]);
        }
    }

    #[test]
    fn a_color_is_six_digits() {
        assert!(is_color("#12aBef"));
        for bad in ["12abef", "#12abe", "#12abeg", "red", "#123;a:b", "#ééé"] {
            assert!(!is_color(bad), "{bad}");
        }
    }
}
