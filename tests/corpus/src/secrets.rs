//! Keys, tokens and passwords in the shapes that their issuers document, all of them made up.

use crate::checksum;
use crate::random::{ALNUM, Random};

const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A key whose issuer shows.
pub(crate) fn key(dev: bool, r: &mut Random) -> String {
    let shapes = SHAPES.iter().skip(usize::from(!dev)).step_by(2).collect::<Vec<_>>();
    let shape = shapes[r.below(shapes.len())];
    let mut out = String::new();
    for (prefix, alphabet, length) in *shape {
        out.push_str(prefix);
        if *prefix == "ghp_" || *prefix == "npm_" {
            out.push_str(&checksum::crc62(&r.chars(ALNUM, 30)));
        } else {
            out.push_str(&r.chars(alphabet, *length));
        }
    }
    out
}

type Shape = &'static [(&'static str, &'static str, usize)];

/// Prefix, alphabet, length; dev and held-out take turns.
const SHAPES: &[Shape] = &[
    &[("AKIA", UPPER, 16)],
    &[("ASIA", UPPER, 16)],
    &[("ghp_", ALNUM, 36)],
    &[("npm_", ALNUM, 36)],
    &[("sk-proj-", URL64, 74), ("T3BlbkFJ", URL64, 74)],
    &[("sk-ant-api03-", URL64, 93), ("AA", "", 0)],
    &[("sk_live_", ALNUM, 24)],
    &[("rk_live_", ALNUM, 99)],
    &[("xoxb-", "123456789", 12), ("-", "123456789", 13), ("-", ALNUM, 24)],
    &[("xapp-1-A", UPPER, 10), ("-", "123456789", 13), ("-", HEX, 64)],
    &[("AIza", URL64, 35)],
    &[("GOCSPX-", URL64, 28)],
    &[("glpat-", URL64, 20)],
    &[("glrt-", URL64, 20)],
    &[("SG.", URL64, 22), (".", URL64, 43)],
    &[("key-", HEX, 32)],
    &[("hf_", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 34)],
    &[("r8_", ALNUM, 37)],
    &[("gsk_", ALNUM, 52)],
    &[("xai-", ALNUM, 80)],
    &[("pypi-AgEIcHlwaS5vcmc", URL64, 150)],
    &[("dckr_pat_", URL64, 27)],
    &[("dop_v1_", HEX, 64)],
    &[("shpat_", HEX, 32)],
    &[("dapi", HEX, 32)],
    &[("dp.pt.", ALNUM, 43)],
    &[("lin_api_", ALNUM, 40)],
    &[("ntn_", ALNUM, 46)],
    &[("hvs.", URL64, 92)],
    &[("glsa_", ALNUM, 32), ("_", HEX, 8)],
    &[("NRAK-", UPPER, 27)],
    &[("PMAK-", HEX, 24), ("-", HEX, 34)],
    &[("sbp_", HEX, 40)],
    &[("figd_", URL64, 40)],
    &[("pat", ALNUM, 14), (".", HEX, 64)],
    &[("pplx-", ALNUM, 48)],
    &[("sq0csp-", URL64, 43)],
    &[("EAAA", URL64, 60)],
    &[("github_pat_11", UPPER, 20), ("_", ALNUM, 59)],
    &[("gho_", ALNUM, 36)],
    &[("AGE-SECRET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)],
    &[("whsec_", ALNUM, 32)],
];

/// A key that only its name gives away.
pub(crate) fn plain_key(dev: bool, r: &mut Random) -> String {
    match (dev, r.below(2)) {
        (true, 0) => r.chars(HEX, 32),
        (true, _) => r.chars(ALNUM, 40),
        (false, 0) => r.chars(LOWER, 36),
        (false, _) => r.chars(BASE64, 43) + "=",
    }
}

/// What people and generators choose.
pub(crate) fn password(dev: bool, r: &mut Random) -> String {
    let words = if dev {
        ["Herbst", "Tiger", "Welcome", "Summer", "Lissabon", "Dragon"]
    } else {
        ["Winter", "Monkey", "Zaq12", "Barcelona", "Kaffee", "Phoenix"]
    };
    match (dev, r.below(3)) {
        (_, 0) => r.chars("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789!#%&*+", 14),
        (true, _) => format!("{}{}!", r.pick(&words), r.digits(4)),
        (false, _) => format!("{}#{}{}", r.pick(&words), r.digits(2), r.chars(LOWER, 3)),
    }
}

/// An opaque token.
pub(crate) fn bearer(dev: bool, r: &mut Random) -> String {
    if dev { r.chars(ALNUM, 40) } else { r.chars(URL64, 56) }
}

pub(crate) fn jwt(dev: bool, r: &mut Random) -> String {
    let head = if dev {
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    } else {
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9"
    };
    let payload = format!("{{\"sub\":\"{}\",\"iat\":17{}}}", r.digits(10), r.digits(8));
    let signature = r.chars(URL64, if dev { 43 } else { 86 });
    format!("{head}.{}.{signature}", url64(payload.as_bytes()))
}

pub(crate) fn pem(dev: bool, r: &mut Random) -> String {
    let kind = if dev { "RSA PRIVATE KEY" } else { "PRIVATE KEY" };
    let mut out = format!("-----BEGIN {kind}-----\n");
    let first = if dev { "MIIEpAIBAAKCAQEA" } else { "MIIEvQIBADANBgkq" };
    out.push_str(first);
    out.push_str(&r.chars(BASE64, 48));
    for _ in 0..r.between(3, 8) {
        out.push('\n');
        out.push_str(&r.chars(BASE64, 64));
    }
    out.push_str(&format!("\n{}==\n-----END {kind}-----", r.chars(BASE64, 22)));
    out
}

pub(crate) fn dsn(dev: bool, r: &mut Random) -> String {
    let password = r.chars(ALNUM, 16);
    let host = r.pick(if dev {
        &["db01.intern.kallmann.net", "pg-main.corvex.io"]
    } else {
        &["mongo-2.lumenta.app", "10.20.4.17"]
    });
    match (dev, r.below(3)) {
        (true, 0) => format!("postgres://svc_app:{password}@{host}:5432/orders"),
        (true, 1) => format!("mysql://root:{password}@{host}/shop?charset=utf8mb4"),
        (true, _) => format!("redis://default:{password}@{host}:6379/0"),
        (false, 0) => format!("mongodb+srv://api:{password}@{host}/crm?retryWrites=true"),
        (false, 1) => format!("amqps://worker:{password}@{host}:5671/jobs"),
        (false, _) => format!("postgresql+asyncpg://etl:{password}@{host}/dwh"),
    }
}

fn url64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = URL64.chars().collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let whole = chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(alphabet[(whole >> (18 - 6 * i) & 63) as usize]);
        }
    }
    out
}
