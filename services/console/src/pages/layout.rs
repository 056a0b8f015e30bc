//! What all pages have around their contents.

use maud::{DOCTYPE, Markup, html};

use super::style;

/// A page with one column and nothing beside it. `refresh` leads elsewhere after so many seconds.
pub fn plain(title: &str, body: Markup, refresh: Option<(u32, &str)>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, refresh))
            body {
                div class="strip" {}
                main class="plain" {
                    (mark())
                    h1 { (title) }
                    (body)
                }
            }
        }
    }
}

/// The document's head.
pub fn head(title: &str, refresh: Option<(u32, &str)>) -> Markup {
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
            link rel="icon" href=(style::ICON_PATH) type="image/svg+xml";
        }
    }
}

/// The product's mark and name.
pub fn mark() -> Markup {
    html! {
        p class="mark" {
            img src=(style::ICON_PATH) alt="" width="24" height="24";
            span { "Claviger" }
        }
    }
}
