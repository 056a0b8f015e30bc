//! Follows the frames of an HTTP/2 connection as far as it takes to see a head that does not end.

/// What follows the preface's first line: an empty line, `SM` and another.
const REST_OF_PREFACE: usize = b"\r\nSM\r\n\r\n".len();
const FRAME_HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; FRAME_HEAD],
    head_bytes: usize,
    left: usize,
    is_data: bool,
    is_head_open: bool,
    begun: usize,
}

impl Frames {
    /// Right behind the first line of the preface, whose rest counts as a frame.
    pub(super) fn new() -> Self {
        Self {
            head: [0; FRAME_HEAD],
            head_bytes: 0,
            left: REST_OF_PREFACE,
            is_data: false,
            is_head_open: false,
            begun: 0,
        }
    }

    /// Whether a head has begun and not ended, or a frame other than data has.
    pub(super) fn is_in_head(&self) -> bool {
        self.is_head_open || self.head_bytes > 0 || (self.left > 0 && !self.is_data)
    }

    /// How many frames have begun that go on with no earlier one.
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                self.left -= here;
                bytes = &bytes[here..];
                continue;
            }
            let here = (FRAME_HEAD - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..self.head_bytes + here].copy_from_slice(&bytes[..here]);
            self.head_bytes += here;
            bytes = &bytes[here..];
            if self.head_bytes == FRAME_HEAD {
                self.begin();
            }
        }
    }

    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.is_data = kind == DATA;
        self.begun += usize::from(kind != CONTINUATION);
        if kind == HEADERS || kind == CONTINUATION {
            self.is_head_open = flags & END_HEADERS == 0;
        }
        self.head_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![0; length.into()]].concat()
    }

    #[test]
    fn a_head_is_open_until_its_last_frame_has_come_whole() {
        let preface = b"\r\nSM\r\n\r\n".to_vec();
        for (bytes, is_in_head) in [
            (preface[..3].to_vec(), true),
            (preface.clone(), false),
            ([preface.clone(), frame(4, 0, 0)].concat(), false),
            ([preface.clone(), frame(HEADERS, END_HEADERS, 5)].concat(), false),
            ([preface.clone(), frame(HEADERS, 0, 5)].concat(), true),
            ([preface.clone(), frame(HEADERS, 0, 5), frame(CONTINUATION, 0, 0)].concat(), true),
            ([preface.clone(), frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 3)].concat(), false),
            ([preface.clone(), frame(HEADERS, END_HEADERS, 5)[..13].to_vec()].concat(), true),
            ([preface.clone(), frame(HEADERS, END_HEADERS, 5)[..4].to_vec()].concat(), true),
            ([preface.clone(), frame(DATA, 0, 200)[..50].to_vec()].concat(), false),
            ([preface, frame(DATA, 0, 200), frame(6, 0, 8)[..12].to_vec()].concat(), true),
        ] {
            let mut whole = Frames::new();
            whole.feed(&bytes);
            let mut bytewise = Frames::new();
            bytes.iter().for_each(|byte| bytewise.feed(&[*byte]));
            assert_eq!((whole.is_in_head(), bytewise.is_in_head()), (is_in_head, is_in_head), "{bytes:?}");
        }
    }
}
