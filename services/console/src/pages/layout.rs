//! What all pages have around their contents.

use maud::{DOCTYPE, Markup, html};

use super::style;
use crate::app::App;

/// How an organization's own page differs from the console's.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// A data URI that stands where the mark would.
    pub logo: Option<String>,
    /// What the organization is called, beside its logo.
    pub name: Option<String>,
    /// Six hexadecimal digits.
    pub accent: Option<String>,
}

/// A page of the sign-in: a form at the left, the environments at the right.
pub fn sign_in(app: &App, title: &str, look: &Look, body: Markup, refresh: Option<(u32, &str)>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, look.accent.as_deref(), refresh))
            body {
                div class="strip" {}
                div class="columns" {
                    main class="form" {
                        (mark(look))
                        div class="sheet" {
                            (body)
                        }
                        footer { span { "Claviger " (env!("CARGO_PKG_VERSION")) } }
                    }
                    (environments(app))
                }
            }
        }
    }
}

/// A page with one column and nothing beside it.
pub fn plain(title: &str, body: Markup, refresh: Option<(u32, &str)>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, None, refresh))
            body {
                div class="strip" {}
                main class="plain" {
                    (mark(&Look::default()))
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// A failure of the form, where its reader sees and hears it first.
pub fn note(text: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = text {
            p class="note" role="alert" { (text) }
        }
    }
}

/// A text field with its label.
pub fn field(label: &str, name: &str, kind: &str, autocomplete: &str, value: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type=(kind) autocomplete=(autocomplete) value=(value) required maxlength="1024"
            spellcheck="false" autocapitalize="none";
    }
}

/// The same with what is demanded of it below.
pub fn new_password(label: &str, min_chars: usize) -> Markup {
    html! {
        label for="new_password" { (label) }
        input id="new_password" name="new_password" type="password" autocomplete="new-password" required
            maxlength="1024" aria-describedby="password_help";
        p class="hint" id="password_help" { "At least " (min_chars) " characters. A few words are best." }
    }
}

/// The button that sends the form.
pub fn submit(text: &str) -> Markup {
    html! { button class="button" type="submit" { (text) } }
}

/// `refresh` leads elsewhere after so many seconds.
fn head(title: &str, accent: Option<&str>, refresh: Option<(u32, &str)>) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="robots" content="noindex";
            meta name="color-scheme" content="light dark";
            @if let Some((seconds, place)) = refresh {
                meta http-equiv="refresh" content=(format!("{seconds};url={place}"));
            }
            title { (title) " · Claviger" }
            link rel="stylesheet" href=(style::path());
            @if let Some(accent) = accent {
                link rel="stylesheet" href=(style::accent_path(accent));
            }
            link rel="icon" href=(style::ICON_PATH) type="image/svg+xml";
        }
    }
}

fn mark(look: &Look) -> Markup {
    html! {
        p class="mark" {
            @match (&look.logo, &look.name) {
                (Some(logo), Some(name)) => { img class="logo" src=(logo) alt=(name); }
                (None, Some(name)) => { (style::mark()) span { (name) } }
                (_, None) => { (style::mark()) span { "Claviger" } }
            }
        }
    }
}

fn environments(app: &App) -> Markup {
    let count = match app.environments.len() {
        1 => "One environment",
        2 => "Two environments, kept apart",
        _ => "Three environments, kept apart",
    };
    html! {
        aside {
            div class="sheet" {
                h2 { (count) }
                p class="lead" { "Each has its own endpoint, database and keys. A key of one is refused by the others." }
                dl {
                    @for (environment, api) in &app.environments {
                        div {
                            dt { span class={ "badge " (environment.name()) } { (title_of(environment.name())) } }
                            dd { code { (api.public_url.trim_end_matches('/')) "/v1" } }
                        }
                    }
                }
            }
            footer { "Sign-ins are written to the access log with time, address and device." }
        }
    }
}

fn title_of(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
