//! Inputs that are nearly right: valid ones with a few edits, which reach further into a parser than noise does.

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy, Union};

/// What parsers stumble over whatever they read: controls, the invisible, digits and dots that are not ASCII.
const ODD: [char; 24] = [
    '\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', ' ', '\u{a0}', '"', '\\', '%', '/', '-', '+', '.', '_', '٣',
    '３', '．', '\u{200b}', '\u{202e}', '\u{feff}', '💥',
];
const EDITS_MAX: usize = 4;
/// How far a piece of the input reaches that is doubled, moved or dropped.
const PIECE_MAX: usize = 24;

/// One change; places count in characters and wrap around.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Insert(usize, char),
    Replace(usize, char),
    Delete(usize),
    Double(usize, usize),
    Drop(usize, usize),
    Move(usize, usize, usize),
    Truncate(usize),
    SwapCase(usize),
}

/// What `valid` makes, with up to four edits and sometimes none; new characters come from `alphabet` as often as from
/// what is odd everywhere.
pub fn spoiled(
    valid: impl Strategy<Value = String> + 'static,
    alphabet: &'static str,
) -> impl Strategy<Value = String> {
    let characters: Vec<char> = alphabet.chars().collect();
    (valid, vec(edit(characters), 0..=EDITS_MAX)).prop_map(|(text, edits)| {
        let mut characters: Vec<char> = text.chars().collect();
        for edit in edits {
            apply(&mut characters, edit, |c| {
                if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
            });
        }
        characters.into_iter().collect()
    })
}

/// The same for bytes: what is inserted is a byte of `alphabet`, or any.
pub fn spoiled_bytes(
    valid: impl Strategy<Value = Vec<u8>> + 'static,
    alphabet: &'static str,
) -> impl Strategy<Value = Vec<u8>> {
    let characters: Vec<char> = alphabet.chars().collect();
    (valid, vec((edit(characters), any::<u8>(), any::<bool>()), 0..=EDITS_MAX)).prop_map(|(mut bytes, edits)| {
        for (edit, byte, is_any) in edits {
            apply_bytes(&mut bytes, edit, is_any.then_some(byte));
        }
        bytes
    })
}

fn edit(alphabet: Vec<char>) -> impl Strategy<Value = Edit> {
    let at = || 0usize..4096;
    let character = move || {
        (any::<bool>(), 0usize..4096).prop_map({
            let alphabet = alphabet.clone();
            move |(is_odd, at)| if is_odd { ODD[at % ODD.len()] } else { alphabet[at % alphabet.len()] }
        })
    };
    Union::new([
        (at(), character()).prop_map(|(at, c)| Edit::Insert(at, c)).boxed(),
        (at(), character()).prop_map(|(at, c)| Edit::Replace(at, c)).boxed(),
        at().prop_map(Edit::Delete).boxed(),
        (at(), at()).prop_map(|(at, length)| Edit::Double(at, length)).boxed(),
        (at(), at()).prop_map(|(at, length)| Edit::Drop(at, length)).boxed(),
        (at(), at(), at()).prop_map(|(from, length, to)| Edit::Move(from, length, to)).boxed(),
        at().prop_map(Edit::Truncate).boxed(),
        at().prop_map(Edit::SwapCase).boxed(),
    ])
}

fn apply<T: Copy + TryFrom<char>>(items: &mut Vec<T>, edit: Edit, swap_case: impl Fn(T) -> T) {
    let length = items.len();
    if length == 0 && !matches!(edit, Edit::Insert(..)) {
        return;
    }
    let piece = |at: usize, span: usize| {
        let from = at % length.max(1);
        from..(from + 1 + span % PIECE_MAX).min(length)
    };
    match edit {
        Edit::Insert(at, c) => {
            if let Ok(item) = T::try_from(c) {
                items.insert(at % (length + 1), item);
            }
        }
        Edit::Replace(at, c) => {
            if let Ok(item) = T::try_from(c) {
                items[at % length] = item;
            }
        }
        Edit::Delete(at) => {
            items.remove(at % length);
        }
        Edit::Double(at, span) => {
            let piece = piece(at, span);
            let copy = items[piece.clone()].to_vec();
            items.splice(piece.end..piece.end, copy);
        }
        Edit::Drop(at, span) => {
            items.drain(piece(at, span));
        }
        Edit::Move(at, span, to) => {
            let moved: Vec<T> = items.drain(piece(at, span)).collect();
            let to = to % (items.len() + 1);
            items.splice(to..to, moved);
        }
        Edit::Truncate(at) => items.truncate(at % length),
        Edit::SwapCase(at) => items[at % length] = swap_case(items[at % length]),
    }
}

/// A character beyond Latin-1 has no byte of its own; then `instead` or nothing changes.
fn apply_bytes(bytes: &mut Vec<u8>, edit: Edit, instead: Option<u8>) {
    let edit = match (edit, instead.map(char::from)) {
        (Edit::Insert(at, _), Some(c)) => Edit::Insert(at, c),
        (Edit::Replace(at, _), Some(c)) => Edit::Replace(at, c),
        (edit, _) => edit,
    };
    apply(bytes, edit, |byte| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte });
}
