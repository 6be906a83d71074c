//! All that can be asked of a provider: one row for each method and path.
//!
//! The broker's gate judges by this table alone; the gateway routes by it. `docs/surfaces.md` lists
//! it for users. A path holds one parameter at most, of a strict alphabet.

use std::borrow::Cow;

use http::Method;

use super::{Api, Surface};

/// A method and a path that providers of `api` are known to serve.
#[derive(Debug)]
pub struct Endpoint {
    /// What the provider speaks.
    pub api: Api,
    /// The only method.
    pub method: Method,
    /// The path, with one of [`PARAMETERS`] or `{model}` at most.
    pub path: &'static str,
    /// The shape of request and answer.
    pub surface: Surface,
    /// Whether a request has a body.
    pub takes: Takes,
    /// The form of an answer that succeeds.
    pub gives: Gives,
    /// What the query may say, each at most once.
    queries: &'static [Query],
}

/// Whether a request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One JSON document.
    Json,
    /// Nothing.
    Nothing,
}

/// The form of an answer that succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// JSON or server-sent events: its `content-type` tells.
    ByType,
    /// A JSON array whose elements come one after the other, unless its type says events.
    Array,
    /// One JSON document in each line.
    Lines,
}

/// `key=value` in a query.
#[derive(Debug)]
struct Query {
    key: &'static str,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Word(&'static [&'static str]),
    Number,
    /// An id or a page's mark.
    Token,
}

/// An endpoint, and the parameter that its path holds.
#[derive(Clone, Copy, Debug)]
pub struct Found<'p> {
    /// The row.
    pub endpoint: &'static Endpoint,
    /// What stands in place of the parameter.
    pub parameter: Option<&'p str>,
}

impl Endpoint {
    /// The row for a method and a path, exactly as they will be sent.
    pub fn find<'p>(api: Api, method: &Method, path: &'p str) -> Option<Found<'p>> {
        Self::at(api, path).find(|found| found.endpoint.method == *method)
    }

    /// The rows of a path, one for each of its methods.
    pub fn at(api: Api, path: &str) -> impl Iterator<Item = Found<'_>> {
        ENDPOINTS.iter().filter(move |endpoint| endpoint.api == api).filter_map(move |endpoint| {
            let parameter = endpoint.matches(path)?;
            Some(Found { endpoint, parameter })
        })
    }

    /// Whether `query` says nothing but what is listed, each at most once.
    pub fn takes_query(&self, query: &str) -> bool {
        let mut said = Vec::new();
        query.is_empty()
            || query.split('&').all(|pair| {
                let Some((key, value)) = pair.split_once('=') else { return false };
                let listed = self.queries.iter().any(|known| known.key == key && known.is(value));
                let new = !said.contains(&key);
                said.push(key);
                listed && new
            })
    }

    /// Whether the parameter of its path is a model.
    pub fn names_model(&self) -> bool {
        self.path.contains("{model}") || self.path.contains("{name}")
    }

    /// Its path with this model in it; `None` where the path names no model.
    pub fn path_for(&self, model: &str) -> Option<String> {
        let (before, after) = self.path.split_once("{model}")?;
        Some(format!("{before}{}{after}", escaped(model)))
    }

    /// `Some` where `path` is this endpoint's, with the parameter that it holds.
    fn matches<'p>(&self, path: &'p str) -> Option<Option<&'p str>> {
        let Some((before, rest)) = self.path.split_once('{') else {
            return (path == self.path).then_some(None);
        };
        let (name, after) = rest.split_once('}')?;
        let value = path.strip_prefix(before)?.strip_suffix(after)?;
        let fits = match PARAMETERS.iter().find(|(known, _)| *known == name) {
            Some((_, allowed)) => is_word(value, allowed),
            None => !value.contains(BETWEEN) && is_model(&unescaped(value)),
        };
        fits.then_some(Some(value))
    }
}

/// Whether requests can ask for this model: words with `:` and `/` between, such as `org/model:tag`.
pub fn is_model(name: &str) -> bool {
    escaped(name).len() <= MAX_WORD && name.split(BETWEEN).all(|word| is_word(word, "_-."))
}

/// What the parameter of a path says.
pub fn unescaped(parameter: &str) -> Cow<'_, str> {
    match is_escaped(parameter) {
        true => parameter.replace("%3A", ":").replace("%2F", "/").into(),
        false => parameter.into(),
    }
}

/// Whether a reader might take the parameter of a path for more than one of its steps.
pub fn is_escaped(parameter: &str) -> bool {
    parameter.contains('%')
}

fn escaped(model: &str) -> String {
    model.replace(':', "%3A").replace('/', "%2F")
}

impl Query {
    fn is(&self, value: &str) -> bool {
        match self.form {
            Form::Word(words) => words.contains(&value),
            Form::Number => {
                (1..=6).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
            }
            Form::Token => is_word(value, "_-=."),
        }
    }
}

/// Letters, digits and `allowed`; begins with a letter or a digit.
fn is_word(text: &str, allowed: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.len() <= MAX_WORD
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || allowed.as_bytes().contains(&byte))
        && !text.contains("..")
}

/// The parameters of paths, and what they may hold beside letters and digits; `{model}` is a
/// [model](is_model).
const PARAMETERS: [(&str, &str); 2] = [("id", "_-"), ("name", "_-.:")];
/// What stands between the words of a model's name; paths spell it with escapes.
const BETWEEN: [char; 2] = [':', '/'];
const MAX_WORD: usize = 256;

const fn post(
    api: Api,
    path: &'static str,
    surface: Surface,
    queries: &'static [Query],
) -> Endpoint {
    let (takes, gives) = (Takes::Json, Gives::ByType);
    Endpoint { api, method: Method::POST, path, surface, takes, gives, queries }
}

const fn bare(
    api: Api,
    method: Method,
    path: &'static str,
    surface: Surface,
    queries: &'static [Query],
) -> Endpoint {
    let (takes, gives) = (Takes::Nothing, Gives::ByType);
    Endpoint { api, method, path, surface, takes, gives, queries }
}

/// A POST whose answer is a JSON array that grows.
const fn growing(path: &'static str) -> Endpoint {
    let (takes, gives) = (Takes::Json, Gives::Array);
    let (api, method, surface) = (Google, Method::POST, Generate);
    Endpoint { api, method, path, surface, takes, gives, queries: ALT }
}

const fn word(key: &'static str, words: &'static [&'static str]) -> Query {
    Query { key, form: Form::Word(words) }
}

const fn number(key: &'static str) -> Query {
    Query { key, form: Form::Number }
}

const fn token(key: &'static str) -> Query {
    Query { key, form: Form::Token }
}

const BOOL: &[&str] = &["true", "false"];
const BETA: &[Query] = &[word("beta", BOOL)];
const ANTHROPIC_LIST: &[Query] =
    &[word("beta", BOOL), number("limit"), token("after_id"), token("before_id")];
const OPENAI_LIST: &[Query] =
    &[number("limit"), word("order", &["asc", "desc"]), token("after"), token("before")];
const RESPONSE: &[Query] =
    &[word("stream", BOOL), number("starting_after"), word("include_obfuscation", BOOL)];
const ALT: &[Query] = &[word("alt", &["json", "sse"])];
const GOOGLE_LIST: &[Query] = &[word("alt", &["json"]), number("pageSize"), token("pageToken")];

use Api::{Anthropic, Google, OpenAi};
use Surface::{Chat, Completions, Generate, Inputs, MessageBatch, Messages, Objects, Responses};

/// All that can be asked of a provider.
pub const ENDPOINTS: &[Endpoint] = &[
    post(Anthropic, "/v1/messages", Messages, BETA),
    post(Anthropic, "/v1/messages/count_tokens", Messages, BETA),
    post(Anthropic, "/v1/messages/batches", MessageBatch, BETA),
    bare(Anthropic, Method::GET, "/v1/messages/batches", Objects(Anthropic), ANTHROPIC_LIST),
    bare(Anthropic, Method::GET, "/v1/messages/batches/{id}", Objects(Anthropic), BETA),
    bare(Anthropic, Method::DELETE, "/v1/messages/batches/{id}", Objects(Anthropic), BETA),
    bare(Anthropic, Method::POST, "/v1/messages/batches/{id}/cancel", Objects(Anthropic), BETA),
    Endpoint {
        api: Anthropic,
        method: Method::GET,
        path: "/v1/messages/batches/{id}/results",
        surface: MessageBatch,
        takes: Takes::Nothing,
        gives: Gives::Lines,
        queries: BETA,
    },
    bare(Anthropic, Method::GET, "/v1/models", Objects(Anthropic), ANTHROPIC_LIST),
    bare(Anthropic, Method::GET, "/v1/models/{model}", Objects(Anthropic), BETA),
    post(OpenAi, "/v1/chat/completions", Chat, &[]),
    post(OpenAi, "/v1/responses", Responses, &[]),
    bare(OpenAi, Method::GET, "/v1/responses/{id}", Responses, RESPONSE),
    bare(OpenAi, Method::DELETE, "/v1/responses/{id}", Objects(OpenAi), &[]),
    bare(OpenAi, Method::POST, "/v1/responses/{id}/cancel", Responses, &[]),
    bare(OpenAi, Method::GET, "/v1/responses/{id}/input_items", Responses, OPENAI_LIST),
    post(OpenAi, "/v1/responses/input_tokens", Responses, &[]),
    post(OpenAi, "/v1/completions", Completions, &[]),
    post(OpenAi, "/v1/embeddings", Inputs, &[]),
    post(OpenAi, "/v1/moderations", Inputs, &[]),
    bare(OpenAi, Method::GET, "/v1/models", Objects(OpenAi), &[]),
    bare(OpenAi, Method::GET, "/v1/models/{name}", Objects(OpenAi), &[]),
    post(Google, "/v1beta/models/{model}:generateContent", Generate, ALT),
    growing("/v1beta/models/{model}:streamGenerateContent"),
    post(Google, "/v1beta/models/{model}:countTokens", Generate, ALT),
    post(Google, "/v1beta/models/{model}:embedContent", Generate, ALT),
    post(Google, "/v1beta/models/{model}:batchEmbedContents", Generate, ALT),
    bare(Google, Method::GET, "/v1beta/models", Objects(Google), GOOGLE_LIST),
    bare(Google, Method::GET, "/v1beta/models/{model}", Objects(Google), ALT),
    post(Google, "/v1/models/{model}:generateContent", Generate, ALT),
    growing("/v1/models/{model}:streamGenerateContent"),
    post(Google, "/v1/models/{model}:countTokens", Generate, ALT),
    post(Google, "/v1/models/{model}:embedContent", Generate, ALT),
    post(Google, "/v1/models/{model}:batchEmbedContents", Generate, ALT),
    bare(Google, Method::GET, "/v1/models", Objects(Google), GOOGLE_LIST),
    bare(Google, Method::GET, "/v1/models/{model}", Objects(Google), ALT),
    post(Google, "/v1beta/openai/chat/completions", Chat, &[]),
    post(Google, "/v1beta/openai/embeddings", Inputs, &[]),
    bare(Google, Method::GET, "/v1beta/openai/models", Objects(OpenAi), &[]),
    bare(Google, Method::GET, "/v1beta/openai/models/{model}", Objects(OpenAi), &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api: Api, method: Method, path: &str, expected: Option<(&str, Option<&str>)>) {
        let found = Endpoint::find(api, &method, path);
        assert_eq!(found.map(|f| (f.endpoint.path, f.parameter)), expected, "{method} {path}");
    }

    #[test]
    fn a_path_is_one_row_and_its_parameter() {
        check(Anthropic, Method::POST, "/v1/messages", Some(("/v1/messages", None)));
        check(
            Anthropic,
            Method::GET,
            "/v1/messages/batches/msgbatch_01Ab-c/results",
            Some(("/v1/messages/batches/{id}/results", Some("msgbatch_01Ab-c"))),
        );
        check(
            OpenAi,
            Method::GET,
            "/v1/models/ft:gpt-4o-mini:acme::x1",
            Some(("/v1/models/{name}", Some("ft:gpt-4o-mini:acme::x1"))),
        );
        check(
            Google,
            Method::POST,
            "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            Some(("/v1beta/models/{model}:streamGenerateContent", Some("gemini-2.5-flash"))),
        );
        check(
            OpenAi,
            Method::POST,
            "/v1/responses/input_tokens",
            Some(("/v1/responses/input_tokens", None)),
        );
    }

    #[test]
    fn whatever_a_parameter_must_not_hold_is_no_path() {
        let long = format!("/v1/models/{}", "a".repeat(257));
        for path in [
            "/v1/models/",
            "/v1/models/a@b.co",
            "/v1/models/a%40b.co",
            "/v1/models/../files",
            "/v1/models/a..b",
            "/v1/models/.a",
            "/v1/models/a/b",
            "/v1/models/a b",
            "/v1/models/a;b",
            &long,
            "/v1/responses/resp.1",
            "/v1/responses/resp:1",
            "/v1/responses/a/cancel/b",
        ] {
            check(OpenAi, Method::GET, path, None);
        }
        for model in
            ["a/b", "a%2f", "a%2Fb%2F", "%2Fb", "a%2F..%2Fb", "a%2F.%2Fb", "a%2F%2Fb", "a%3a"]
        {
            check(Google, Method::POST, &format!("/v1beta/models/{model}:generateContent"), None);
        }
        check(Google, Method::POST, "/v1beta/models/a%252Fb:generateContent", None);
        check(Google, Method::POST, "/v1beta/models/a:generateContent:countTokens", None);
        check(Google, Method::POST, "/v1beta/models/:generateContent", None);
        check(Google, Method::GET, "/v1beta/models/a:generateContent", None);
    }

    #[test]
    fn a_path_spells_any_model_so_that_it_stays_one_step() {
        for (model, spelled) in [
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("qwen2.5:7b", "qwen2.5%3A7b"),
            ("org/model:tag", "org%2Fmodel%3Atag"),
        ] {
            for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.path.contains("{model}")) {
                let path = endpoint.path_for(model).unwrap();
                assert_eq!(path, endpoint.path.replace("{model}", spelled));
                let found = Endpoint::find(endpoint.api, &endpoint.method, &path).unwrap();
                assert_eq!(found.endpoint.path, endpoint.path);
                assert_eq!(unescaped(found.parameter.unwrap()), model);
                assert_eq!(is_escaped(found.parameter.unwrap()), model != spelled);
            }
        }
        assert_eq!(ENDPOINTS[0].path_for("gemini"), None);
        for model in
            ["", ":", "a:", "/a", "a//b", "a/../b", "a/./b", "a b", "a%2Fb", &"a/".repeat(100)]
        {
            assert!(!is_model(model), "{model}");
        }
    }

    #[test]
    fn every_row_can_be_found_and_no_two_mean_the_same() {
        for endpoint in ENDPOINTS {
            let path = ["{id}", "{model}", "{name}"]
                .iter()
                .fold(endpoint.path.to_owned(), |path, part| path.replace(part, "x1"));
            let rows: Vec<_> = Endpoint::at(endpoint.api, &path)
                .filter(|found| found.endpoint.method == endpoint.method)
                .map(|found| found.endpoint.path)
                .collect();
            assert_eq!(rows, [endpoint.path]);
        }
    }

    #[test]
    fn the_guide_lists_every_row_and_no_other() {
        let guide = include_str!("../../../docs/surfaces.md");
        let listed: Vec<&str> = guide
            .lines()
            .filter(|line| {
                ["| anthropic ", "| openai ", "| google "].iter().any(|s| line.starts_with(s))
            })
            .collect();
        let rows: Vec<String> = ENDPOINTS
            .iter()
            .map(|row| {
                let api = match row.api {
                    Anthropic => "anthropic",
                    OpenAi => "openai",
                    Google => "google",
                };
                format!("| {api} | {} | `{}` | ", row.method, row.path)
            })
            .collect();
        assert_eq!(listed.len(), rows.len());
        for (line, (row, endpoint)) in listed.iter().zip(rows.iter().zip(ENDPOINTS)) {
            assert!(line.starts_with(row), "{line} is not {row}");
            for query in endpoint.queries {
                assert!(line.contains(&format!("`{}`", query.key)), "{line}: {}", query.key);
            }
            let masks = !line.split('|').nth(5).unwrap().trim().is_empty();
            assert_eq!(masks, endpoint.takes == Takes::Json, "{line}");
        }
    }

    #[test]
    fn queries_are_pairs_of_the_row() {
        let row = |api, method, path| Endpoint::find(api, &method, path).unwrap().endpoint;
        let list = row(Anthropic, Method::GET, "/v1/messages/batches");
        for (query, expected) in [
            ("", true),
            ("limit=20", true),
            ("limit=20&after_id=msgbatch_1&beta=true", true),
            ("limit=20&limit=30", false),
            ("limit=", false),
            ("limit=4155550132", false),
            ("limit", false),
            ("after_id=a@b.co", false),
            ("after_id=a%40b.co", false),
            ("key=x", false),
            ("limit=20&", false),
        ] {
            assert_eq!(list.takes_query(query), expected, "{query}");
        }
        let stream = row(Google, Method::POST, "/v1beta/models/g:streamGenerateContent");
        assert!(stream.takes_query("alt=sse"));
        assert!(!stream.takes_query("key=abc"), "the gateway makes a header of it");
    }
}
