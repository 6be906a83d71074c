//! Pseudo-random numbers that are the same on every machine and for ever (SplitMix64).

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for every seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to `n`, without `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// One of some; they must not be none.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, some: &[&'a T]) -> &'a T {
        some[self.below(some.len())]
    }

    /// `n` characters of an alphabet.
    pub(crate) fn chars(&mut self, alphabet: &str, n: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..n).map(|_| letters[self.below(letters.len())]).collect()
    }

    /// `n` digits, the first not 0.
    pub(crate) fn digits(&mut self, n: usize) -> String {
        let first = self.chars("123456789", n.min(1));
        first + &self.chars(DIGITS, n.saturating_sub(1))
    }

    /// A pattern: `#` a digit, `%` a digit but 0, `@` a capital letter, `^` a capital or digit,
    /// `~` a hexadecimal digit, `*` a letter or digit; everything else stands for itself.
    pub(crate) fn pattern(&mut self, pattern: &str) -> String {
        let mut out = String::new();
        for sign in pattern.chars() {
            let alphabet = match sign {
                '#' => DIGITS,
                '%' => "123456789",
                '@' => "ABCDEFGHJKLMNPRSTUVWXYZ",
                '^' => "ABCDEFGHJKLMNPRTUVWXYZ0123456789",
                '~' => "0123456789abcdef",
                '*' => ALNUM,
                _ => {
                    out.push(sign);
                    continue;
                }
            };
            out.push_str(&self.chars(alphabet, 1));
        }
        out
    }
}

const DIGITS: &str = "0123456789";
pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
