//! The id of an operation: the name of its type in snake case, worked out when the program is built.

/// How long a type's name is in snake case.
pub const fn snake_length(name: &str) -> usize {
    let (bytes, mut at, mut length) = (name.as_bytes(), 0, name.len());
    while at < bytes.len() {
        if at > 0 && bytes[at].is_ascii_uppercase() {
            length += 1;
        }
        at += 1;
    }
    length
}

/// A type's name in snake case, as bytes.
pub const fn snake_case<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let (bytes, mut at, mut written, mut snake) = (name.as_bytes(), 0, 0, [0; LENGTH]);
    while at < bytes.len() {
        if at > 0 && bytes[at].is_ascii_uppercase() {
            snake[written] = b'_';
            written += 1;
        }
        snake[written] = bytes[at].to_ascii_lowercase();
        written += 1;
        at += 1;
    }
    snake
}

/// The bytes of [`snake_case`] as text.
pub const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("names of types are ASCII"),
    }
}
