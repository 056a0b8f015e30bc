//! `/v1/errors`: where the `type` of a problem leads. Status and title are those of the table of codes; what happened and what to
//! do is the text of `docs/errors.md`.

use std::fmt::Write as _;

use crate::problem::ErrorCode;

/// Where it is; the code is the fragment.
pub const PATH: &str = "/v1/errors";

const TEXT: &str = include_str!("../../../docs/errors.md");
const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Errors · Claviger</title>
  <link rel="icon" type="image/svg+xml" href="/v1/docs/favicon.svg">
  <link rel="stylesheet" href="/v1/docs/docs.css">
</head>
<body>
<main class="page">
<p><a href="/v1/docs">Documentation of the operations</a></p>
<h1>Errors</h1>
"#;

/// The page.
pub fn html() -> String {
    let (introduction, _) = TEXT.split_once("\n## ").unwrap_or((TEXT, ""));
    let mut page = HEAD.to_owned();
    for paragraph in paragraphs(introduction).filter(|text| !text.starts_with("# ")) {
        let _ = writeln!(page, "<p>{}</p>", inline(paragraph));
    }
    page.push_str("<ul>\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(page, "<li><a href=\"#{0}\"><code>{0}</code></a></li>", code.name());
    }
    page.push_str("</ul>\n");
    for code in ErrorCode::ALL {
        let name = code.name();
        let _ = writeln!(page, "<h2 id=\"{name}\"><a href=\"#{name}\">{name}</a></h2>");
        let _ = writeln!(page, "<p class=\"status\">{} · {}</p>", code.status().as_u16(), escaped(code.title()));
        // The first paragraph of a section says status and title once more.
        for paragraph in section(name).into_iter().flat_map(paragraphs).skip(1) {
            let _ = writeln!(page, "<p>{}</p>", inline(paragraph));
        }
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// What stands below the heading of a code.
fn section(name: &str) -> Option<&'static str> {
    let below = TEXT.split("\n## ").skip(1).find_map(|section| section.strip_prefix(name)?.strip_prefix('\n'));
    below.map(|text| text.split("\n## ").next().unwrap_or(text))
}

fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|text| !text.is_empty())
}

/// A paragraph with its code and its emphasis.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escaped(part);
        if at % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
            continue;
        }
        for (at, part) in unlinked(&part).split("**").enumerate() {
            let _ = if at % 2 == 1 { write!(html, "<strong>{part}</strong>") } else { write!(html, "{part}") };
        }
    }
    html
}

/// Without its links, which lead to files that are not served: their words stay.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, (words, behind))) = rest.split_once('[').and_then(|(before, link)| {
        let (words, target) = link.split_once("](")?;
        Some((before, (words, target.split_once(')')?.1)))
    }) {
        plain.push_str(before);
        plain.push_str(words);
        rest = behind;
    }
    plain + rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_place_and_its_text() {
        let page = html();
        for code in ErrorCode::ALL {
            let name = code.name();
            assert!(page.contains(&format!("<h2 id=\"{name}\">")), "{name}");
            assert_eq!(section(name).map(|text| paragraphs(text).count()), Some(3), "{name}: docs/errors.md");
        }
        assert_eq!(TEXT.matches("\n## ").count(), ErrorCode::ALL.len(), "docs/errors.md has a code that there is not");
    }

    #[test]
    fn a_paragraph_keeps_its_words_and_nothing_is_markup() {
        assert_eq!(
            inline("**To do.** `/query/<name>` & \"more\""),
            "<strong>To do.</strong> <code>/query/&lt;name&gt;</code> &amp; &quot;more&quot;"
        );
        assert_eq!(inline("See [limits](limits.md), and [there](a.md)."), "See limits, and there.");
        assert_eq!(inline("a [b] c"), "a [b] c");
        assert!(!html().contains("**") && !html().contains("]("));
    }
}
