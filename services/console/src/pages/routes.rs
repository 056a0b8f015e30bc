//! Which page is where.

use std::sync::Arc;

use http::Method;
use poem::endpoint::make;
use poem::{Endpoint, Request, Response, Route, get, post};
use server::problem::Problem;

use super::{invite, login, logout, reset, setup, steps, style};
use crate::app::App;
use crate::{assets, web};

const LOOK: &[Method] = &[Method::GET];
const FORM: &[Method] = &[Method::GET, Method::POST];

/// The pages with their methods, for answers that no route gives.
pub const PATHS: &[(&str, &[Method])] = &[
    ("/setup", FORM),
    ("/login", FORM),
    ("/login/2fa", FORM),
    ("/login/recovery", FORM),
    ("/login/password", FORM),
    ("/login/device", LOOK),
    ("/forgot", FORM),
    ("/reset/:token", FORM),
    ("/invite/:token", FORM),
    ("/o/:organization/login", LOOK),
    ("/logout", &[Method::POST]),
    ("/pages/*rest", LOOK),
    ("/assets/*rest", LOOK),
];

/// Beginnings of paths whose rest is a link that is good once.
pub const SECRET_PATHS: &[&str] = &["/reset/", "/invite/"];

/// The pages, the web app's files, and the web app at every other path.
pub fn routes(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    Route::new()
        .at("/setup", get(page(app, setup::get)).post(page(app, setup::post)))
        .at("/login", get(page(app, login::get)).post(page(app, login::post)))
        .at("/login/2fa", get(page(app, steps::get_code)).post(page(app, steps::post_code)))
        .at("/login/recovery", get(page(app, steps::get_recovery)).post(page(app, steps::post_recovery)))
        .at("/login/password", get(page(app, steps::get_password)).post(page(app, steps::post_password)))
        .at("/login/device", get(page(app, steps::get_device)))
        .at("/forgot", get(page(app, reset::get_forgot)).post(page(app, reset::post_forgot)))
        .at("/reset/:token", get(page(app, reset::get_reset)).post(page(app, reset::post_reset)))
        .at("/invite/:token", get(page(app, invite::get)).post(page(app, invite::post)))
        .at("/o/:organization/login", get(page(app, login::get_of_organization)))
        .at("/logout", post(page(app, logout::post)))
        .at("/pages/*rest", get(page(app, |_, request| async move { style::file(&request) })))
        .at("/assets/*rest", get(page(app, |_, request| async move { assets::asset(&request) })))
        .at("/*rest", page(app, |app, request| async move { web::app(&app, &request).await }))
}

fn page<F, R>(app: &Arc<App>, handle: F) -> impl Endpoint<Output = Response> + use<F, R>
where
    F: Fn(Arc<App>, Request) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    let app = Arc::clone(app);
    make(move |request| {
        let answer = handle(Arc::clone(&app), request);
        async move { Ok::<_, poem::Error>(answer.await?) }
    })
}
