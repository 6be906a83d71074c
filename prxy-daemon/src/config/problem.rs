//! Everything that can be wrong with a configuration, one variant per cause.

use std::fmt;

use thiserror::Error;

use super::hide;

/// A stretch of a text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Text of the user's, fit for a message: short, printable, without what looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quoted(String);

impl Quoted {
    /// The text between backticks.
    pub(super) fn new(text: &str) -> Self {
        let Self(text) = Self::plain(text);
        Self(format!("`{text}`"))
    }

    /// The text as it is.
    pub(super) fn plain(text: &str) -> Self {
        let mut shown = String::new();
        let mut chars = hide::secrets(text).chars().map(hide::printable).collect::<Vec<_>>();
        if chars.len() > MAX_QUOTED {
            chars.truncate(MAX_QUOTED);
            chars.push('…');
        }
        shown.extend(chars);
        Self(shown)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What would have been right: one likely word, or all possible ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    DidYouMean(String),
    OneOf(Vec<String>),
    Nothing,
}

impl Instead {
    /// The closest of `known` to `word`; with none close, all of them.
    pub(super) fn of<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Self {
        match super::suggest::closest(word, known.clone()) {
            Some(known) => Self::DidYouMean(known.to_owned()),
            None => Self::OneOf(known.into_iter().map(str::to_owned).collect()),
        }
    }
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DidYouMean(word) => write!(f, "; did you mean `{word}`?"),
            Self::OneOf(words) => {
                for (i, word) in words.iter().enumerate() {
                    let lead = if i == 0 { "; known: " } else { ", " };
                    write!(f, "{lead}`{word}`")?;
                }
                Ok(())
            }
            Self::Nothing => Ok(()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Kind {
    // The form of the file.
    #[error("not valid YAML: {0}")]
    Syntax(Quoted),
    #[error("{0} is not supported here")]
    Unsupported(&'static str),
    #[error("too many values, or nested too deeply")]
    TooComplex,
    #[error("a key must be a single word")]
    KeyNotText,
    #[error("duplicate key {key}, first on line {line}")]
    DuplicateKey { key: Quoted, line: usize },
    #[error("unknown key {key}{instead}")]
    UnknownKey { key: Quoted, instead: Instead },
    #[error("expected {expected}, found {found}{hint}")]
    WrongType { expected: &'static str, found: &'static str, hint: &'static str },
    #[error("unknown {what} {word}{instead}")]
    UnknownWord { what: &'static str, word: Quoted, instead: Instead },
    #[error("out of range: {low} to {high}")]
    OutOfRange { low: u64, high: u64 },
    #[error("more than {most} {what}")]
    TooMany { what: &'static str, most: usize },

    // The pipeline.
    #[error("unknown module {module}{instead}")]
    UnknownModule { module: Quoted, instead: Instead },
    #[error("module `{0}` stands twice in the pipeline")]
    ModuleTwice(&'static str),
    #[error("`airgap` must be the first module")]
    AirgapNotFirst,
    #[error("`{0}` must come after `guardrails`: what it keeps is never raw text")]
    NotMasked(&'static str),
    #[error("the pipeline is empty: name at least one module")]
    EmptyPipeline,
    #[error("expected one module with its options{0}")]
    ModuleItem(ModuleItem),
    #[error(
        "a local provider must be `private: true` and have a private address, or private ranges in `pinned`"
    )]
    NotLocal,
    #[error(
        "bad model name: expected letters, digits, `-`, `_` and `.`, with single `:` and `/` between"
    )]
    BadModel,
    #[error("expected 2 to 256 characters, without blanks at the ends")]
    BadText,
    #[error("this text stands twice")]
    TextTwice,
    #[error("this text stands in `deny` as well: keep one")]
    AllowedAndDenied,
    #[error("{label} is no label: {LABEL_RULE}")]
    BadLabel { label: Quoted },
    #[error("label `LITERAL` is reserved")]
    ReservedLabel,
    #[error("bad regex: {0}")]
    BadRegex(Quoted),
    #[error("regex matches the empty string")]
    EmptyRegex,
    #[error("regex can never match")]
    DeadRegex,

    // Embeddings.
    #[error("`local` needs `model`: the name of one that `prxy model add` has installed")]
    LocalWithoutModel,
    #[error("this has no effect with this `provider`, or without any")]
    EmbedderOfNobody,
    #[error("`network` needs `via` and `model`: a provider, and what it calls the model")]
    NetworkWithoutService,
    #[error("this is no name of a model: expected up to 128 letters, digits and signs, no blanks")]
    BadModelOfService,
    #[error(
        "embeddings come from a provider with `api: openai` and a `key` of its own, and without `client_key_sha256`"
    )]
    NotForEmbeddings,
    #[error(
        "{0} is no name of a model: use a to z, 0 to 9, `-`, `_` and `.`, a letter or digit first, at most 64"
    )]
    BadModelName(Quoted),

    // Hosts and addresses.
    #[error("bad URL: {0}")]
    Url(#[from] super::url::UrlProblem),
    #[error("bad host: {0}")]
    Host(#[from] super::url::HostProblem),
    #[error(
        "bad listen address {0}: expected ADDRESS:PORT, such as 127.0.0.1:3099 or [::1]:3099, or unix:PATH"
    )]
    BadListen(Quoted),
    #[error("`listen` takes one address and one unix socket")]
    ListenTwice,
    #[error(
        "other machines can reach this address, so only known clients are served there, and `clients` has none; `PRXY_LISTEN=127.0.0.1:3099 prxy client add NAME --write` makes one"
    )]
    OpenListen,
    #[error("a client's `perRequest`, `perDay` and `perMonth` need `cost-guard` in the pipeline")]
    CostWithoutGuard,
    #[error(
        "metrics are read on an address on loopback: {0} is none, expected ADDRESS:PORT, such as 127.0.0.1:9464"
    )]
    MetricsListen(Quoted),
    #[error("the secret comes from one place: either `key` or `key_file`")]
    KeyAndFile,
    #[error("bad time {0}: expected two hours or more, such as 90d or 36h")]
    BadAge(Quoted),
    #[error(
        "bad nameserver {0}: expected an address, such as 10.0.0.1, 10.0.0.1:53 or [fd00::1]:53"
    )]
    BadNameserver(Quoted),
    #[error("nameserver {0} stands twice")]
    NameserverTwice(Quoted),
    #[error("no configured provider has the host {host}{instead}")]
    UnknownHost { host: Quoted, instead: Instead },
    #[error("host {0} stands twice")]
    HostTwice(Quoted),
    #[error(
        "`airgap.allowedHosts` leaves out {host}, the host of this provider: add it there, or remove the provider"
    )]
    ProviderNotAllowed { host: Quoted },

    // Providers.
    #[error("{0} is no provider name: use a to z, 0 to 9, `-` and `_`, a letter first, at most 32")]
    BadProviderName(Quoted),
    #[error("provider name {0} is reserved for a path of prxy's own")]
    ReservedProviderName(Quoted),
    #[error("provider {provider} needs {fields}{instead}")]
    MissingFields { provider: Quoted, fields: &'static str, instead: Instead },
    #[error("`providers` names no provider: add one, or remove the key for the built-in ones")]
    NoProviders,
    #[error(
        "the built-in provider `{name}` speaks `{api}`: define a provider of another name instead"
    )]
    BuiltInApi { name: &'static str, api: &'static str },
    #[error("{why} needs {keys} on this provider")]
    NeedsConsent { why: &'static str, keys: &'static str },
    #[error("`{0}` has no effect without TLS: use https, or remove it")]
    WithoutTls(&'static str),
    #[error("`{0}` has no effect: `base_url` holds an address, and no other is used")]
    NameOnly(&'static str),
    #[error("`{0}` is empty: nothing would be allowed; list something, or remove the key")]
    EmptyList(&'static str),
    #[error("{0} stands twice")]
    ValueTwice(Quoted),
    #[error(
        "{0} is no address or range: expected 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32, no bits set beyond the length, and no wider than /8 (IPv6: /16)"
    )]
    BadNetwork(Quoted),
    #[error("`resolve: false` needs `pinned` with the addresses to use")]
    UnresolvedUnpinned,
    #[error("with `resolve: false`, `pinned` must list single addresses, not ranges")]
    UnresolvedRange,
    #[error(
        "expected the SHA-256 of a public key: 64 hexadecimal digits, or 44 characters of base64"
    )]
    BadKeyPin,
    #[error("the path stands in `base_url` and in `path_prefix`: keep one")]
    PrefixTwice,
    #[error("requests carry `/{0}` already: leave it out")]
    VersionInPrefix(&'static str),
    #[error(
        "bad path prefix: expected `/` and path segments of letters, digits, `-`, `.`, `_` and `~`"
    )]
    BadPrefix,
    #[error(
        "expected the name of an environment variable or credential, such as OPENAI_API_KEY; the key itself does not belong here"
    )]
    KeyName,
    #[error("expected a path")]
    BadPath,
    #[error(
        "expected the SHA-256 of a key, as 64 hexadecimal digits; the key itself does not belong here"
    )]
    ClientKey,
    #[error("{0} is no client name: use a to z, 0 to 9, `-` and `_`, a letter first, at most 32")]
    BadClientName(Quoted),
    #[error("client {0} needs `key_sha256`, `uid` or `gid`: it is told by that alone")]
    ClientWithoutKey(Quoted),
    #[error("this key stands twice: a request with it must be one client's")]
    ClientKeyTwice,
    #[error("this user or group is another client's already")]
    ClientPeerTwice,
    #[error("a client is told by its `uid` or by its `gid`: keep one")]
    ClientUserAndGroup,
    #[error("expected a name: 1 to 128 visible ASCII characters, no quotes")]
    BadName,
    #[error("`{0}` stands twice")]
    FetchKindTwice(&'static str),
    #[error("`{0}` is allowed already, so there is nothing to strip: keep one")]
    AllowedAndStripped(&'static str),
    #[error("`{0}` cannot be stripped: a request without it would mean something else")]
    NotStrippable(&'static str),

    // Sources.
    #[error("cannot read the configuration: {}", plainly(*.0))]
    Unreadable(std::io::ErrorKind),
    #[error("the configuration must be a regular file")]
    NotRegular,
    #[error("the configuration is larger than 1 MiB")]
    TooLarge,
    #[error("everyone may write to the configuration: chmod o-w")]
    WorldWritable,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("the configuration must be named config.yaml")]
    MisnamedFile,
    #[error("set, but empty: unset it, or give it a value")]
    EmptyVariable,
    #[error("no data directory: set PRXY_DATA_DIR or HOME, or give --data-dir")]
    NoDataDir,
}

/// Why a pipeline item is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ModuleItem {
    Found(&'static str),
    /// A key beside the module's name, mostly an option that is not indented far enough.
    Beside(Quoted),
}

impl fmt::Display for ModuleItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(found) => write!(f, ", found {found}"),
            Self::Beside(key) => write!(f, "; {key} stands beside it: indent its options further"),
        }
    }
}

/// The standard library calls a missing file an "entity".
fn plainly(kind: std::io::ErrorKind) -> String {
    match kind {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        other => other.to_string(),
    }
}

const LABEL_RULE: &str = "use A to Z, 0 to 9 and `_`, a letter first and last, at most 32";
const MAX_QUOTED: usize = 80;
