//! HTTP/2 written by hand: a client that keeps to no rule needs no library.

/// What an HTTP/2 connection starts with, and settings that ask for nothing.
pub fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings(&[])].concat()
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(0, flags, stream, payload)
}

pub fn headers(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(1, flags, stream, block)
}

pub fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &8u32.to_be_bytes())
}

pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(4, 0, 0, &payload)
}

/// The identifier of `SETTINGS_INITIAL_WINDOW_SIZE`.
pub const INITIAL_WINDOW: u16 = 4;

pub fn ping(number: u64) -> Vec<u8> {
    frame(6, 0, 0, &number.to_be_bytes())
}

pub fn window_update(stream: u32, by: u32) -> Vec<u8> {
    frame(8, 0, stream, &by.to_be_bytes())
}

pub fn continuation(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(9, flags, stream, block)
}

/// A request's own header fields: `:method`, `:scheme`, `:path`, `:authority`, without Huffman or the dynamic table.
pub fn request(method: &str, path: &str) -> Vec<u8> {
    let method = match method {
        "GET" => vec![0x82],
        other => literal(&[0x02], other),
    };
    [method, vec![0x86], literal(&[0x04], path), literal(&[0x01], "edge")].concat()
}

/// A field whose name and value are both spelled out; `is_kept` puts it into the dynamic table.
pub fn field(name: &str, value: &str, is_kept: bool) -> Vec<u8> {
    let start = if is_kept { 0x40 } else { 0 };
    literal(&[&[start], text(name).as_slice()].concat(), value)
}

fn literal(name: &[u8], value: &str) -> Vec<u8> {
    [name, text(value).as_slice()].concat()
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = value.len();
    if left < 127 {
        bytes.push(u8::try_from(left).unwrap());
    } else {
        bytes.push(127);
        left -= 127;
        while left >= 128 {
            bytes.push(u8::try_from(left % 128).unwrap() | 128);
            left /= 128;
        }
        bytes.push(u8::try_from(left).unwrap());
    }
    bytes.extend_from_slice(value.as_bytes());
    bytes
}
