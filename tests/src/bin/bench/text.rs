//! Fresh text: random words, about one in a hundred an e-mail address, never the same twice.

use prxy_tests::provider::Format;
use prxy_tests::samples::{self, Delivery};

/// An endless supply; the same in every run.
pub(crate) struct Words(u64);

impl Words {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// So many request bodies with `size` bytes of text each.
    pub(crate) fn bodies(&mut self, size: usize, count: usize, delivery: Delivery) -> Vec<Vec<u8>> {
        let body = |text: String| samples::ask(Format::Anthropic, &text, delivery).to_string();
        (0..count).map(|_| body(self.text(size)).into_bytes()).collect()
    }

    fn text(&mut self, size: usize) -> String {
        let mut text = String::with_capacity(size + 32);
        while text.len() < size {
            let word = self.word();
            text.push_str(&word);
            if self.next().is_multiple_of(100) {
                text.push_str(&format!(".{}@{}.com", self.word(), self.word()));
            }
            text.push(' ');
        }
        text
    }

    fn word(&mut self) -> String {
        let length = 2 + self.next() % 8;
        (0..length).map(|_| char::from(b'a' + (self.next() % 26) as u8)).collect()
    }

    /// xorshift64*
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }
}
