//! Texts that people choose: names, slugs, tags, external ids, notes and metadata.
//!
//! Nothing is trimmed or repaired: a text is stored as sent (in NFC where people type it) or refused.

use serde_json::{Map, Value};
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

use crate::validation::{ValidationError, excerpt};

/// Longest name, in characters after NFC; at four bytes each that is also at most 400 bytes.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest tag, in characters after NFC.
pub const TAG_CHARS_MAX: usize = 100;
/// Longest external id, in characters.
pub const EXTERNAL_ID_CHARS_MAX: usize = 200;
/// Longest note, in characters after NFC.
pub const NOTE_CHARS_MAX: usize = 500;
/// Shortest slug, in characters.
pub const SLUG_CHARS_MIN: usize = 2;
/// Longest slug, in characters.
pub const SLUG_CHARS_MAX: usize = 40;
/// Largest metadata, in bytes of compact JSON.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;
/// Most members of a metadata object.
pub const METADATA_MEMBERS_MAX: usize = 64;
/// Longest member name in metadata, in characters, at any depth.
pub const METADATA_KEY_CHARS_MAX: usize = 64;

/// A display name; shown as sent, and unique by its [`fold`](Name::fold).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Reads a name of 1 to 100 visible characters, stored in NFC.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        label(text, NAME_CHARS_MAX).map(Self)
    }

    /// A name as its row has it, which was read when it came: the rules may have become stricter since.
    pub fn from_row(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The case-folded NFKC form: two names clash exactly when these are equal.
    pub fn fold(&self) -> String {
        fold(&self.0)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// An organization's name in paths: lower-case words joined by single hyphens. No id has this form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// Reads a slug of 2 to 40 characters.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.is_empty() {
            return Err(ValidationError::new("empty", "must not be empty"));
        }
        if text.starts_with("org_") {
            return Err(ValidationError::new("slug", "must not have the form of an id, such as `org_…`"));
        }
        if !text.split('-').all(is_word) {
            let message = format!(
                "`{}` is not a slug: lower-case letters a to z and digits, in words joined by single hyphens",
                excerpt(text)
            );
            return Err(ValidationError::new("slug", message));
        }
        if text.len() < SLUG_CHARS_MIN {
            return Err(ValidationError::new("too-short", format!("must have at least {SLUG_CHARS_MIN} characters")));
        }
        if text.len() > SLUG_CHARS_MAX {
            return Err(too_long(SLUG_CHARS_MAX));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug as it stands in a path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Slug {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// A short label to filter keys and usage by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// Reads a tag of 1 to 100 visible characters, stored in NFC.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        label(text, TAG_CHARS_MAX).map(Self)
    }

    /// The tag as stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tag {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

/// A customer's id in the organization's own systems; stored character for character, without normalisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// Reads an external id of 1 to 200 printable characters that cannot be taken for a customer id.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        check_label(text, EXTERNAL_ID_CHARS_MAX)?;
        if text.starts_with("cus_") {
            return Err(ValidationError::new(
                "reserved-prefix",
                "must not start with `cus_`, which begins our own ids",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The external id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ExternalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ExternalId {
    type Error = ValidationError;

    fn try_from(text: String) -> Result<Self, ValidationError> {
        Self::parse(&text)
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

/// Reads a note: up to 500 characters, possibly none, on as many lines as wanted; stored in NFC with `\n` line ends.
pub fn note(text: &str) -> Result<String, ValidationError> {
    let note: String = text.replace("\r\n", "\n").nfc().collect();
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(too_long(NOTE_CHARS_MAX));
    }
    note.chars().filter(|c| !matches!(c, '\n' | '\t')).try_for_each(check_character)?;
    Ok(note)
}

/// Checks an object's metadata: its size as compact JSON, its members, and that no text in it has control characters but
/// line ends and tabs.
pub fn metadata(members: &Map<String, Value>) -> Result<(), ValidationError> {
    if members.len() > METADATA_MEMBERS_MAX {
        return Err(ValidationError::new("too-many", format!("must have at most {METADATA_MEMBERS_MAX} members")));
    }
    let bytes = serde_json::to_vec(members).expect("a JSON object serializes").len();
    if bytes > METADATA_BYTES_MAX {
        let message = format!("must be at most {METADATA_BYTES_MAX} bytes as compact JSON, and is {bytes}");
        return Err(ValidationError::new("too-long", message));
    }
    members.iter().try_for_each(|(key, value)| check_member(key, value))
}

fn check_member(key: &str, value: &Value) -> Result<(), ValidationError> {
    if key.is_empty() {
        return Err(ValidationError::new("empty", "a member's name must not be empty"));
    }
    if key.chars().count() > METADATA_KEY_CHARS_MAX {
        let message =
            format!("member `{}` must have a name of at most {METADATA_KEY_CHARS_MAX} characters", excerpt(key));
        return Err(ValidationError::new("too-long", message));
    }
    key.chars().try_for_each(check_no_control)?;
    check_value(value)
}

fn check_value(value: &Value) -> Result<(), ValidationError> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => text.chars().filter(|c| !matches!(c, '\n' | '\t')).try_for_each(check_no_control),
        Value::Array(items) => items.iter().try_for_each(check_value),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| check_member(key, value)),
    }
}

fn check_no_control(c: char) -> Result<(), ValidationError> {
    if c.is_control() { Err(control_character(c)) } else { Ok(()) }
}

fn label(text: &str, chars_max: usize) -> Result<String, ValidationError> {
    let text: String = text.nfc().collect();
    check_label(&text, chars_max)?;
    Ok(text)
}

fn check_label(text: &str, chars_max: usize) -> Result<(), ValidationError> {
    if text.is_empty() {
        return Err(ValidationError::new("empty", "must not be empty"));
    }
    if text.chars().count() > chars_max {
        return Err(too_long(chars_max));
    }
    text.chars().try_for_each(check_character)?;
    text.chars().find(|c| is_default_ignorable(*c)).map_or(Ok(()), |c| Err(invisible(c)))?;
    if !text.chars().any(is_visible) {
        return Err(ValidationError::new("blank", "must have at least one visible character"));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        let message = format!("must not start or end with a space; did you mean `{}`?", excerpt(text.trim()));
        return Err(ValidationError::new("surrounding-space", message));
    }
    Ok(())
}

fn check_character(c: char) -> Result<(), ValidationError> {
    let refused =
        |code, what| Err(ValidationError::new(code, format!("must not contain {what} (U+{:04X})", u32::from(c))));
    // Bidirectional overrides reorder the text around them, and zero-width characters make two names look the same.
    if matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
        return refused("invisible-character", "a text direction override");
    }
    if matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}') {
        return refused("invisible-character", "a zero-width character");
    }
    match get_general_category(c) {
        GeneralCategory::Control => Err(control_character(c)),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => refused("line-break", "a line break"),
        GeneralCategory::Unassigned => refused("unassigned-character", "an unassigned character"),
        GeneralCategory::PrivateUse => refused("private-use", "a private-use character"),
        _ => Ok(()),
    }
}

/// Says whether a character is drawn as nothing, so that two labels look the same with and without it: the property
/// `Default_Ignorable_Code_Point` of Unicode, whatever is assigned of it by now.
const fn is_default_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

fn invisible(c: char) -> ValidationError {
    let what = match c {
        '\u{FE00}'..='\u{FE0F}' => "; a keyboard adds it to some emoji: leave it out, or take another emoji",
        _ => "; leave it out",
    };
    let message = format!("must not contain the invisible character U+{:04X}{what}", u32::from(c));
    ValidationError::new("invisible-character", message)
}

fn is_visible(c: char) -> bool {
    // A symbol by category, yet drawn as nothing.
    let is_drawn_empty = c == '\u{2800}';
    let is_attached = matches!(
        get_general_category(c),
        GeneralCategory::SpaceSeparator
            | GeneralCategory::Format
            | GeneralCategory::NonspacingMark
            | GeneralCategory::EnclosingMark
    );
    !is_drawn_empty && !is_attached
}

fn control_character(c: char) -> ValidationError {
    ValidationError::new("control-character", format!("must not contain a control character (U+{:04X})", u32::from(c)))
}

fn too_long(chars_max: usize) -> ValidationError {
    ValidationError::new("too-long", format!("must have at most {chars_max} characters"))
}

/// Folds any text like [`Name::fold`], to search for it in folded names.
pub fn fold(text: &str) -> String {
    // The order of Unicode's compatibility caseless match (D146): folding can undo a normal form and the reverse.
    let folded: String = fold_case(text.nfd()).nfkd().collect();
    fold_case(folded.chars()).nfkc().collect()
}

/// Full case folding through upper case, character by character: `ß` and `ẞ` become `ss`, `ς` becomes `σ`.
fn fold_case(text: impl Iterator<Item = char>) -> String {
    text.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn code<T: std::fmt::Debug>(result: Result<T, ValidationError>) -> &'static str {
        result.expect_err("refused").code
    }

    #[test]
    fn a_name_may_say_anything_visible() {
        let hundred = "é".repeat(100);
        let accepted = [
            "a",
            hundred.as_str(),
            "Licence server",
            "🔑 deploy",
            "🇨🇭",
            "❤",
            "مفتاح الإنتاج",
            "מפתח",
            "O'Brien’s key",
            "<script>alert(1)</script>",
            "Robert'); drop table keys;--",
            "../../etc/passwd",
            "%00",
            "=1+1",
            "日本語",
        ];
        for text in accepted {
            assert_eq!(Name::parse(text).map(String::from), Ok(text.to_owned()), "{text}");
            assert!(Tag::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_name_that_hides_something_is_refused() {
        let long = "x".repeat(101);
        let table = [
            ("", "empty"),
            (" ", "blank"),
            ("\u{3000}\u{A0}", "blank"),
            ("\u{2800}", "blank"),
            (" a", "surrounding-space"),
            ("a ", "surrounding-space"),
            ("a\u{A0}", "surrounding-space"),
            (long.as_str(), "too-long"),
            ("a\0b", "control-character"),
            ("a\nb", "control-character"),
            ("a\r", "control-character"),
            ("a\tb", "control-character"),
            ("\u{1B}[31mred", "control-character"),
            ("a\u{7F}", "control-character"),
            ("a\u{85}b", "control-character"),
            ("a\u{2028}b", "line-break"),
            ("a\u{2029}b", "line-break"),
            ("a\u{378}b", "unassigned-character"),
            ("a\u{FFFE}b", "unassigned-character"),
            ("a\u{E000}b", "private-use"),
            ("a\u{10FFFD}b", "private-use"),
        ];
        for (text, wanted) in table {
            assert_eq!(code(Name::parse(text)), wanted, "{text:?}");
            assert_eq!(code(Tag::parse(text)), wanted, "{text:?}");
        }
        for c in ('\u{202A}'..='\u{202E}').chain('\u{2066}'..='\u{2069}').chain('\u{200B}'..='\u{200D}') {
            assert_eq!(code(Name::parse(&format!("a{c}b"))), "invisible-character", "{c:?}");
        }
    }

    #[test]
    fn a_label_has_no_character_that_is_drawn_as_nothing() {
        let some = "\u{AD}\u{34F}\u{61C}\u{115F}\u{1160}\u{17B4}\u{17B5}\u{180B}\u{180E}\u{200E}\u{200F}\u{2060}\u{2064}\
            \u{206A}\u{206F}\u{3164}\u{FE00}\u{FE0F}\u{FEFF}\u{FFA0}\u{1BCA0}\u{1D173}\u{E0001}\u{E0020}\u{E007F}\u{E0100}";
        for c in some.chars() {
            for text in [format!("a{c}b"), format!("{c}"), format!("ab{c}")] {
                assert_eq!(code(Name::parse(&text)), "invisible-character", "{text:?}");
                assert_eq!(code(Tag::parse(&text)), "invisible-character", "{text:?}");
            }
        }
        // Not assigned yet, and to be ignored once it is.
        for c in ['\u{2065}', '\u{FFF0}', '\u{E0002}', '\u{E0FFF}'] {
            assert!(Name::parse(&format!("a{c}b")).is_err(), "{c:?}");
        }
        let heart = Name::parse("❤\u{FE0F}").expect_err("refused").message;
        assert!(heart.contains("emoji") && heart.contains("leave it out"), "{heart}");
        assert_eq!(Name::from_row("❤\u{FE0F}").as_str(), "❤\u{FE0F}", "what a row has stays readable");
    }

    #[test]
    fn a_name_is_counted_and_stored_in_nfc() {
        let decomposed = "e\u{301}".repeat(100);
        assert_eq!(Name::parse(&decomposed).map(String::from), Ok("é".repeat(100)));
        let four_bytes_each = "🔑".repeat(100);
        assert_eq!(Name::parse(&four_bytes_each).expect("name").as_str().len(), 400);
    }

    #[test]
    fn names_that_read_the_same_clash() {
        let fold = |text| Name::parse(text).expect("name").fold();
        for (a, b) in [("CI Key", "ci key"), ("Straße", "STRASSE"), ("ＡＢＣ", "abc"), ("ﬁle", "FILE"), ("ΣΑΣ", "σας")]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        for (a, b) in [("a", "b"), ("resume", "résumé"), ("key 1", "key1")] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
    }

    #[test]
    fn a_slug_stands_in_a_path_as_it_is() {
        for good in ["ab", "a1", "acme", "acme-inc", "a-b-c", "42", &"a".repeat(40)] {
            assert_eq!(Slug::parse(good).map(String::from), Ok(good.to_owned()));
        }
        let id = "org_0000000000000000000000";
        for bad in ["Acme", "acme inc", "-a", "a-", "a--b", "a_b", "é1", "a/b", "a.b", "..", "%61b", id, "org_", " ab"]
        {
            assert_eq!(code(Slug::parse(bad)), "slug", "{bad}");
        }
        assert_eq!(code(Slug::parse("")), "empty");
        assert_eq!(code(Slug::parse("a")), "too-short");
        assert_eq!(code(Slug::parse(&"a".repeat(41))), "too-long");
    }

    #[test]
    fn an_external_id_is_kept_as_sent_and_is_never_one_of_ours() {
        for good in ["42", "user|7", "a b", "e\u{301}", "CUS_x", "acct/7?x=#", &"x".repeat(200)] {
            assert_eq!(ExternalId::parse(good).map(String::from), Ok(good.to_owned()));
        }
        let long = "x".repeat(201);
        let table = [
            ("", "empty"),
            ("cus_1", "reserved-prefix"),
            ("a\0", "control-character"),
            ("a\u{200B}", "invisible-character"),
            (" a", "surrounding-space"),
            (long.as_str(), "too-long"),
        ];
        for (bad, wanted) in table {
            assert_eq!(code(ExternalId::parse(bad)), wanted, "{bad:?}");
        }
    }

    #[test]
    fn a_note_may_have_lines_and_nothing_hidden() {
        for (text, stored) in [("", ""), ("on the\r\nCI server", "on the\nCI server"), (" \tx\n", " \tx\n")] {
            assert_eq!(note(text), Ok(stored.to_owned()));
        }
        assert!(note(&"é".repeat(500)).is_ok());
        assert_eq!(code(note(&"x".repeat(501))), "too-long");
        for (bad, wanted) in
            [("a\0", "control-character"), ("a\rb", "control-character"), ("\u{202E}a", "invisible-character")]
        {
            assert_eq!(code(note(bad)), wanted, "{bad:?}");
        }
    }

    #[test]
    fn metadata_is_bounded_at_every_depth() {
        let check = |value: Value| metadata(value.as_object().expect("object"));
        let many = |count: usize| Value::Object((0..count).map(|i| (i.to_string(), json!(i))).collect());
        assert_eq!(check(json!({})), Ok(()));
        assert_eq!(check(json!({"plan": "pro", "seats": 5, "nested": {"a": [1, null, true, "é"]}})), Ok(()));
        assert_eq!(check(json!({"note": "first line\n\tsecond", "lines": ["a\nb"]})), Ok(()));
        assert_eq!(check(many(64)), Ok(()));
        assert_eq!(code(check(many(65))), "too-many");
        assert_eq!(check(json!({"k".repeat(64): 1})), Ok(()));
        assert_eq!(code(check(json!({"k".repeat(65): 1}))), "too-long");
        assert_eq!(code(check(json!({"a": [{"k".repeat(65): 1}]}))), "too-long");
        assert_eq!(code(check(json!({"": 1}))), "empty");
        // {"a":"…"} takes eight bytes around the text.
        assert_eq!(check(json!({"a": "x".repeat(METADATA_BYTES_MAX - 8)})), Ok(()));
        assert_eq!(code(check(json!({"a": "x".repeat(METADATA_BYTES_MAX - 7)}))), "too-long");
        for bad in [
            json!({"a\0": 1}),
            json!({"a": "\0"}),
            json!({"a": ["\u{1B}[0m"]}),
            json!({"a": {"b\n": 1}}),
            json!({"a": "b\r"}),
        ] {
            assert_eq!(code(check(bad)), "control-character");
        }
    }

    #[test]
    fn json_enters_only_through_the_parser() {
        assert_eq!(serde_json::from_value::<Name>(json!("CI")).map(String::from).ok(), Some("CI".to_owned()));
        assert!(serde_json::from_value::<Name>(json!(" CI")).is_err());
        assert!(serde_json::from_value::<Slug>(json!("CI")).is_err());
        assert_eq!(json!(Tag::parse("path=/v1").expect("tag")), json!("path=/v1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = (Slug::parse(&text), ExternalId::parse(&text), note(&text));
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
                prop_assert!(name.as_str().chars().count() <= NAME_CHARS_MAX);
            }
        }

        #[test]
        fn case_never_tells_two_names_apart(text in "\\PC{1,20}") {
            if let Ok(name) = Name::parse(&text) {
                // Case mappings are stable on decomposed text only: an iota subscript takes its marks' order with it.
                let decomposed: String = text.nfd().collect();
                for other in [decomposed.to_uppercase(), decomposed.to_lowercase(), name.fold()] {
                    prop_assert_eq!(Name(other).fold(), name.fold());
                }
            }
        }
    }
}
