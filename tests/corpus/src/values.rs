//! The value of each slot, and filler that resembles one.

use crate::ids;
use crate::lists::Lists;
use crate::random::{ALNUM, Random};
use crate::{Half, checksum, secrets};

/// Makes values of one language from one half of its lists.
pub(crate) struct Values<'r> {
    pub(crate) lists: &'r Lists,
    pub(crate) half: Half,
    pub(crate) random: &'r mut Random,
}

/// A name and what belongs to it.
pub(crate) struct Person {
    first: String,
    last: String,
    full: String,
    reversed: String,
    email: String,
    user: String,
}

impl Person {
    /// A part of it with its label.
    pub(crate) fn part(&self, part: &str) -> (String, &'static str) {
        match part {
            "first" => (self.first.clone(), "PERSON"),
            "last" => (self.last.clone(), "PERSON"),
            "rev" => (self.reversed.clone(), "PERSON"),
            "upper" => (self.full.to_uppercase(), "PERSON"),
            "email" => (self.email.clone(), "EMAIL"),
            "user" => (self.user.clone(), "USERNAME"),
            _ => (self.full.clone(), "PERSON"),
        }
    }
}

impl Values<'_> {
    fn dev(&self) -> bool {
        self.half == Half::Dev
    }

    /// One item of this half of a section.
    fn item(&mut self, section: &str) -> String {
        let items = self.lists.half(section, self.half);
        assert!(!items.is_empty(), "{}: too few of {section}", self.lists.lang);
        self.random.pick(&items).to_owned()
    }

    pub(crate) fn person(&mut self) -> Person {
        let (first, last) = (self.item("first"), self.item("last"));
        let ascii = |name: &str| match name.split_once('=') {
            Some((_, latin)) => latin.to_owned(),
            None => fold(name),
        };
        let (f, l) = (ascii(&first), ascii(&last));
        let native = |name: &str| name.split('=').next().unwrap_or(name).to_owned();
        let (first, last) = (native(&first), native(&last));
        let initial = &f[..1];
        let number = self.random.between(1, 99);
        let name = match (self.dev(), self.random.below(4)) {
            (true, 0 | 1) => format!("{f}.{l}"),
            (true, 2) => format!("{initial}.{l}"),
            (true, _) => format!("{f}{number}"),
            (false, 0) => format!("{l}.{f}"),
            (false, 1) => format!("{f}_{l}"),
            (false, 2) => format!("{initial}{l}"),
            (false, _) => format!("{f}-{l}{number}"),
        };
        let user = match (self.dev(), self.random.below(3)) {
            (true, 0) => format!("{initial}{l}"),
            (true, 1) => format!("{f}_{l}"),
            (true, _) => format!("{f}{number}"),
            (false, 0) => format!("{l}{initial}"),
            (false, 1) => format!("{f}.{l}"),
            (false, _) => format!("{l}-{number}"),
        };
        let email = format!("{name}@{}", self.item("domain"));
        let chinese = self.lists.lang == "zh";
        let full = if chinese { format!("{last}{first}") } else { format!("{first} {last}") };
        let reversed = if chinese { full.clone() } else { format!("{last}, {first}") };
        Person { first, last, full, reversed, email, user }
    }

    /// The value of a slot with its label.
    pub(crate) fn value(&mut self, kind: &str) -> (String, &'static str) {
        let lang = self.lists.lang;
        match kind {
            "org" => (self.item("org"), "ORGANIZATION"),
            "addr" => (self.address("address"), "ADDRESS"),
            "addr2" => (self.address("address").replacen(", ", "\n", 1), "ADDRESS"),
            "phone" => {
                let pattern = self.item("phone");
                (self.random.pattern(&pattern), "PHONE")
            }
            "dob" => (self.date("date", 1938, 2006), "DATE_OF_BIRTH"),
            "dob.iso" => {
                let (d, m, y) = self.day(1938, 2006);
                (format!("{y}-{m:02}-{d:02}"), "DATE_OF_BIRTH")
            }
            "id" => (ids::national(lang, self.dev(), self.random), "NATIONAL_ID"),
            "passport" => (ids::passport(lang, self.dev(), self.random), "PASSPORT"),
            "license" => (ids::licence(lang, self.dev(), self.random), "DRIVER_LICENSE"),
            "medical" => (ids::medical(lang, self.dev(), self.random), "MEDICAL_ID"),
            "card" => (ids::card(self.dev(), self.random), "CREDIT_CARD"),
            "iban" => (ids::iban(lang, self.dev(), self.random), "IBAN"),
            "account" => (ids::account(lang, self.dev(), self.random), "BANK_ACCOUNT"),
            "ip" => (self.public_ip(), "IP_ADDRESS"),
            "ip6" => {
                let pattern = if self.dev() {
                    "2a02:%~~:~~~~:%~::%~~"
                } else {
                    "2600:1f%~:%~~~:%~~~:~~~~:~~~~:~~~~:%~~~"
                };
                (self.random.pattern(pattern), "IP_ADDRESS")
            }
            "mac" => {
                let made = match self.dev() {
                    true => self.random.pattern("3c:~~:~~:~~:~~:~~"),
                    false => self.random.pattern("a4-~~-~~-~~-~~-~~").to_uppercase(),
                };
                (made, "MAC_ADDRESS")
            }
            "crypto" => (self.crypto(), "CRYPTO_ADDRESS"),
            "user" => (self.person().user, "USERNAME"),
            "key" => (secrets::key(self.dev(), self.random), "API_KEY"),
            "key.plain" => (secrets::plain_key(self.dev(), self.random), "API_KEY"),
            "password" => (secrets::password(self.dev(), self.random), "PASSWORD"),
            "bearer" => (secrets::bearer(self.dev(), self.random), "BEARER_TOKEN"),
            "jwt" => (secrets::jwt(self.dev(), self.random), "JWT"),
            "pem" => (secrets::pem(self.dev(), self.random), "PRIVATE_KEY"),
            "pem.esc" => {
                (secrets::pem(self.dev(), self.random).replace('\n', "\\n"), "PRIVATE_KEY")
            }
            "dsn" => (secrets::dsn(self.dev(), self.random), "CONNECTION_STRING"),
            other => unreachable!("no slot is called {other}"),
        }
    }

    /// Filler that is nobody's.
    pub(crate) fn filler(&mut self, kind: &str) -> String {
        match kind {
            "date" => self.date("date", 2015, 2026),
            "iso" => {
                let (d, m, y) = self.day(2015, 2026);
                format!("{y}-{m:02}-{d:02}")
            }
            "time" => format!("{:02}:{:02}", self.random.below(24), self.random.below(60)),
            "ts" => {
                let (d, m, y) = self.day(2015, 2026);
                let (h, min, s) =
                    (self.random.below(24), self.random.below(60), self.random.below(60));
                format!("{y}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{}Z", self.random.pattern("###"))
            }
            "epoch" => self.random.pattern("1%########"),
            "epochms" => self.random.pattern("17##########").chars().chain("0".chars()).collect(),
            "uuid" => self.random.pattern("~~~~~~~~-~~~~-4~~~-a~~~-~~~~~~~~~~~~"),
            "md5" => self.random.chars("0123456789abcdef", 32),
            "sha1" => self.random.chars("0123456789abcdef", 40),
            "sha256" => self.random.chars("0123456789abcdef", 64),
            "short" => self.random.chars("0123456789abcdef", 7),
            "integrity" => format!("sha512-{}==", self.random.chars(ALNUM, 86)),
            "ulid" => format!("01{}", self.random.chars("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)),
            "ver" => format!(
                "{}.{}.{}",
                self.random.below(12),
                self.random.below(40),
                self.random.below(20)
            ),
            "n1" => self.random.digits(1),
            "n2" => self.random.digits(2),
            "n3" => self.random.digits(3),
            "n4" => self.random.digits(4),
            "n5" => self.random.digits(5),
            "n6" => self.random.digits(6),
            "n8" => self.random.digits(8),
            "n10" => self.random.digits(10),
            "amount" => {
                let (whole, cents) = (self.random.digits(4), self.random.pattern("##"));
                match self.lists.lang {
                    "en" | "zh" => format!("{},{}.{cents}", &whole[..1], &whole[1..]),
                    _ => format!("{}.{},{cents}", &whole[..1], &whole[1..]),
                }
            }
            "float" => self.random.pattern("0.########"),
            "order" => {
                self.random.pattern(if self.dev() { "ORD-2024-######" } else { "@@#####-##" })
            }
            "sku" => self.random.pattern(if self.dev() { "@@-####-@" } else { "####@@##" }),
            "isbn" => self.isbn(),
            "port" => self.random.between(1024, 65535).to_string(),
            "private" => match self.random.below(4) {
                0 => format!(
                    "10.{}.{}.{}",
                    self.random.below(256),
                    self.random.below(256),
                    self.random.between(1, 254)
                ),
                1 => format!("192.168.{}.{}", self.random.below(256), self.random.between(1, 254)),
                2 => "127.0.0.1".to_owned(),
                _ => {
                    format!("172.{}.0.{}", self.random.between(16, 31), self.random.between(1, 254))
                }
            },
            "base64" => format!("{}==", self.random.chars(ALNUM, 62)),
            "filler" => {
                let pattern = self.item("filler");
                let mut out = String::new();
                for part in pattern.split('$') {
                    let (kind, rest) = part.split_once(';').unwrap_or(("", part));
                    if !kind.is_empty() {
                        out.push_str(&self.filler(kind));
                    }
                    out.push_str(rest);
                }
                out
            }
            other => unreachable!("no filler is called {other}"),
        }
    }

    fn address(&mut self, section: &str) -> String {
        let pattern = self.item(section);
        let number = self.random.between(1, 180).to_string();
        let small = self.random.between(1, 19).to_string();
        let mut out = self.random.pattern(&pattern);
        for (slot, section) in [("{street}", "street"), ("{place}", "place")] {
            if out.contains(slot) {
                out = out.replace(slot, &self.item(section));
            }
        }
        out.replace("{n}", &number).replace("{f}", &small)
    }

    fn day(&mut self, from: usize, to: usize) -> (usize, usize, usize) {
        (self.random.between(1, 28), self.random.between(1, 12), self.random.between(from, to))
    }

    /// A date in one of the language's forms.
    fn date(&mut self, section: &str, from: usize, to: usize) -> String {
        let (d, m, y) = self.day(from, to);
        let month = self.lists.all("month").get(m - 1).copied().unwrap_or("");
        self.item(section)
            .replace("{dd}", &format!("{d:02}"))
            .replace("{d}", &d.to_string())
            .replace("{mm}", &format!("{m:02}"))
            .replace("{m}", &m.to_string())
            .replace("{month}", month)
            .replace("{yyyy}", &y.to_string())
            .replace("{yy}", &format!("{:02}", y % 100))
    }

    fn public_ip(&mut self) -> String {
        let first = self.random.pick(if self.dev() {
            &["81", "93", "46", "185", "5"]
        } else {
            &["18", "77", "109", "212", "62"]
        });
        let mut part = || self.random.between(1, 254);
        format!("{first}.{}.{}.{}", part(), part(), part())
    }

    fn crypto(&mut self) -> String {
        let mut hash = [0; 20];
        hash.iter_mut().for_each(|byte| *byte = self.random.next() as u8);
        match (self.dev(), self.random.below(2)) {
            (true, 0) => checksum::base58(0, hash),
            (false, 0) => checksum::base58(5, hash),
            (true, _) => checksum::bech32(hash),
            (false, _) => format!("0x{}", self.random.chars("0123456789abcdef", 40)),
        }
    }

    fn isbn(&mut self) -> String {
        let body = format!("978{}", self.random.digits(9));
        let weigh = |(i, b): (usize, u8)| usize::from(b - b'0') * if i % 2 == 0 { 1 } else { 3 };
        let sum: usize = body.bytes().enumerate().map(weigh).sum();
        let check = (10 - sum % 10) % 10;
        match self.dev() {
            true => {
                format!("{}-{}-{}-{}-{check}", &body[..3], &body[3..4], &body[4..8], &body[8..])
            }
            false => format!("{body}{check}"),
        }
    }
}

/// A name in the letters of mail addresses.
fn fold(name: &str) -> String {
    let mut out = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' => out.push(letter),
            'ä' => out.push_str("ae"),
            'ö' | 'ø' => out.push_str("oe"),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'á' | 'à' | 'â' | 'ã' | 'ą' => out.push('a'),
            'é' | 'è' | 'ê' | 'ë' | 'ę' => out.push('e'),
            'í' | 'ì' | 'î' | 'ï' | 'ı' => out.push('i'),
            'ó' | 'ò' | 'ô' | 'õ' => out.push('o'),
            'ú' | 'ù' | 'û' => out.push('u'),
            'ç' | 'ć' => out.push('c'),
            'ñ' | 'ń' => out.push('n'),
            'ł' => out.push('l'),
            'ś' => out.push('s'),
            'ż' | 'ź' => out.push('z'),
            _ => {}
        }
    }
    out
}
