//! Which page is where.

use std::sync::Arc;

use http::Method;
use poem::endpoint::make;
use poem::{Endpoint, Request, Response, Route};
use server::problem::Problem;

use super::style;
use crate::app::App;
use crate::web;

/// The pages with their methods, for answers that no route gives.
pub const PATHS: &[(&str, &[Method])] = &[("/pages/*rest", &[Method::GET]), ("/assets/*rest", &[Method::GET])];

/// Beginnings of paths whose rest is a link that is good once.
pub const SECRET_PATHS: &[&str] = &["/reset/", "/invite/"];

/// The pages, the web app's files, and the web app at every other path.
pub fn routes(app: &Arc<App>) -> impl Endpoint<Output = Response> + use<> {
    Route::new()
        .at("/pages/*rest", page(app, |_, request| async move { style::file(&request) }))
        .at("/assets/*rest", page(app, |_, request| async move { web::asset(&request) }))
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
