//! `POST /logout`: the session ends, here and everywhere.

use std::sync::Arc;

use http::header;
use poem::{Request, Response};
use server::problem::Problem;
use store::control::{AccessEntry, ControlActor, EndReason};

use super::form::Form;
use super::{go, lead_to};
use crate::app::App;
use crate::cookies;
use crate::sign_in::{Onward, next_of};
use crate::visit::Visit;

/// Ends the session, if there is one.
pub async fn post(app: Arc<App>, mut request: Request) -> Result<Response, Problem> {
    let visit = Visit::of(&request)?;
    let signed = app.find_signed_in(request.headers()).await?;
    let has_form = request.header(header::CONTENT_TYPE).is_some();
    let next = match has_form {
        true => next_of(Form::read(&app, &mut request).await?.field("next")),
        false => {
            crate::origin::check(request.headers(), &app.origin())?;
            "/".to_owned()
        }
    };
    let Some(signed) = signed else { return Ok(lead_to("/login")) };
    let (user, session) = (signed.user.id, signed.session.id);
    let mut write = app.control.write(ControlActor::User(user), &visit.origin).await?;
    write.end_session(user, session, EndReason::SignedOut).await?;
    let entry =
        AccessEntry { user: Some(user), event: "sign-out", outcome: "succeeded", factor: None, session: Some(session) };
    write.commit_sign_in(&entry).await?;
    app.sessions.forget(user);
    let path = if next == "/" { "/login".to_owned() } else { next };
    let cookies = vec![cookies::clear(cookies::SESSION), cookies::clear(cookies::SIGN_IN)];
    Ok(go(Onward { path, cookies }))
}
