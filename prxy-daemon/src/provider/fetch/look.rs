//! The walk that finds what a provider would do.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::address::{begins, is_address, is_inline, may_be_address};
use super::table::{self, At, Row, Runs};
use super::{Kind, Kinds, Refusal};
use crate::json::{Container, Literal, NumberToken, Path, Segment, StringToken, Visitor};
use crate::provider::request::{Position, position};
use crate::provider::{Api, Surface};

/// Refuses what is not allowed, and keys that stand twice. Ask [`Look::finish`] at the end.
pub struct Look {
    rules: Rules,
    allow: Kinds,
    keys: Keys,
}

impl Look {
    /// A look at one request.
    pub fn new(surface: Surface, allow: Kinds) -> Self {
        Self { rules: Rules::new(surface), allow, keys: Keys::default() }
    }

    /// What shows only at the end.
    ///
    /// # Errors
    /// As the walk's.
    pub fn finish(&self) -> Result<(), Refusal> {
        self.admit(&Path::default(), self.rules.unsaid())
    }

    fn admit(&self, path: &Path<'_>, finding: Option<Finding>) -> Result<(), Refusal> {
        match finding {
            Some(Finding { kind, .. }) if !self.allow.has(kind) => {
                Err(Refusal::Fetch { kind, path: path.to_string() })
            }
            _ => Ok(()),
        }
    }
}

impl<'a> Visitor<'a> for Look {
    type Error = Refusal;

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), Refusal> {
        if !token.is_key {
            let finding = self.rules.judge(path, &Value::Text(&token));
            return self.admit(path, finding);
        }
        if !self.rules.in_free_form() && !self.keys.add(&token) {
            return Err(Refusal::DuplicateKey { path: path.to_string() });
        }
        Ok(())
    }

    fn number(&mut self, path: &Path<'a>, _token: NumberToken<'a>) -> Result<(), Refusal> {
        let finding = self.rules.judge(path, &Value::Number);
        self.admit(path, finding)
    }

    fn literal(&mut self, path: &Path<'a>, literal: Literal) -> Result<(), Refusal> {
        let finding = self.rules.judge(path, &Value::Literal(literal));
        self.admit(path, finding)
    }

    fn enter(&mut self, path: &Path<'a>, container: Container, _: usize) -> Result<(), Refusal> {
        self.rules.enter(path, container);
        if container == Container::Array {
            return Ok(());
        }
        self.keys.open();
        let finding = self.rules.judge(path, &Value::Object);
        self.admit(path, finding)
    }

    fn leave(
        &mut self,
        path: &Path<'a>,
        container: Container,
        _: Range<usize>,
    ) -> Result<(), Refusal> {
        if container == Container::Object {
            self.keys.close();
        }
        let finding = self.rules.leave(path);
        self.admit(path, finding)
    }
}

/// Something that the provider would do.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// Whether the member that says so only declares.
    pub(super) declares: bool,
}

/// A value as the rules see it; an array is its elements.
pub(super) enum Value<'v, 'a> {
    Text(&'v StringToken<'a>),
    Number,
    Literal(Literal),
    Object,
}

/// The rules, with what they have to remember on the way.
pub(super) struct Rules {
    surface: Surface,
    api: Api,
    /// The depth of the container whose content is the user's own.
    free_form: Option<usize>,
    /// The key looked at last, by its place, and its rule: arrays ask for each element.
    last: Option<(usize, Name, Option<&'static Row>)>,
    /// Whether this is a request of OpenAI's responses, and whether it says that nothing is stored.
    response: bool,
    unstored: bool,
    /// The depths of the tools that are open, and whether a type of each has been seen.
    tools: Vec<(usize, bool)>,
}

impl Rules {
    pub(super) fn new(surface: Surface) -> Self {
        Self {
            surface,
            api: surface.api(),
            free_form: None,
            last: None,
            response: false,
            unstored: false,
            tools: Vec::new(),
        }
    }

    /// Whether the provider takes what stands here for data.
    pub(super) fn in_free_form(&self) -> bool {
        self.free_form.is_some()
    }

    pub(super) fn enter(&mut self, path: &Path<'_>, container: Container) {
        if self.free_form.is_some() {
            return;
        }
        if is_free_form(self.surface, path) {
            self.free_form = Some(path.depth());
        } else if container == Container::Object && self.must_have_type(path) {
            self.tools.push((path.depth(), false));
        }
    }

    /// What shows only at the end of the container at `path`: a tool without a type.
    pub(super) fn leave(&mut self, path: &Path<'_>) -> Option<Finding> {
        if self.free_form == Some(path.depth()) {
            self.free_form = None;
        }
        let (_, typed) = self.tools.pop_if(|(depth, _)| *depth == path.depth())?;
        (!typed).then_some(Finding { kind: Kind::UnknownTool, declares: false })
    }

    /// What the value at `path` makes the provider do.
    pub(super) fn judge(&mut self, path: &Path<'_>, value: &Value<'_, '_>) -> Option<Finding> {
        if self.free_form.is_some() {
            return None;
        }
        let mut keys = keys(self.surface, path);
        let key = keys.next()?;
        let (name, row) = match &self.last {
            Some((at, name, row)) if *at == key.range.start => (*name, *row),
            _ => {
                let name = Name::of(key);
                let row = table::row_of(name.as_str());
                self.last = Some((key.range.start, name, row));
                (name, row)
            }
        };
        let name = name.as_str();
        let parent = keys.next();
        if parent.is_none() && self.surface == Surface::Responses {
            self.note(key, value);
        }
        if matches!(value, Value::Literal(Literal::False | Literal::Null)) {
            return None;
        }
        if let Value::Text(token) = value
            && token.range.is_empty()
        {
            return None;
        }
        if let Some(row) = row
            && row.holds(parent, value)
        {
            return Some(Finding { kind: row.kind, declares: row.declares });
        }
        let kind = match (name, value) {
            ("type", _) => {
                self.note_type(path, key, value);
                self.by_type(parent, keys.next(), value)
            }
            ("tools", Value::Text(_) | Value::Number | Value::Literal(_)) => {
                Some(Kind::UnknownTool)
            }
            ("betas" | "anthropicbeta", Value::Text(token)) => super::beta(&token.decode()),
            (_, Value::Text(token)) => {
                by_model(path, name, token).or_else(|| self.by_url(path, name, parent, token))
            }
            _ => None,
        };
        let kind = kind.or_else(|| self.by_google_tool(name, parent));
        kind.map(|kind| Finding { kind, declares: false })
    }

    /// Responses that do not say `store: false` are stored, and so are batches.
    pub(super) fn unsaid(&self) -> Option<Finding> {
        (self.response && !self.unstored || self.surface == Surface::MessageBatch)
            .then_some(Finding { kind: Kind::StoredState, declares: false })
    }

    /// By exact names: a field that is spelled otherwise tells the provider nothing.
    fn note(&mut self, key: &StringToken<'_>, value: &Value<'_, '_>) {
        if key.is("input") {
            self.response = true;
        } else if key.is("store") {
            self.unstored = matches!(value, Value::Literal(Literal::False));
        }
    }

    /// Whether the object at `path` is a tool whose `type` alone says what it does: all of OpenAI's,
    /// but for those that a remote server was found to have, which stand in its `input`.
    fn must_have_type(&self, path: &Path<'_>) -> bool {
        self.api == Api::OpenAi
            && keys(self.surface, path).next().is_some_and(|key| Name::of(key).as_str() == "tools")
            && keys(self.surface, path).last().is_none_or(|root| !root.is("input"))
    }

    fn note_type(&mut self, path: &Path<'_>, key: &StringToken<'_>, value: &Value<'_, '_>) {
        if let Some((depth, typed)) = self.tools.last_mut()
            && path.depth() == *depth + 1
            && key.is("type")
        {
            *typed = matches!(value, Value::Text(_));
        }
    }

    fn by_type(
        &self,
        parent: Option<&StringToken<'_>>,
        above: Option<&StringToken<'_>>,
        value: &Value<'_, '_>,
    ) -> Option<Kind> {
        let parent = parent.map(Name::of);
        let parent = parent.as_ref().map_or("", Name::as_str);
        let tool = self.api != Api::Google
            && (parent == "tools"
                || parent == "definition" && above.is_some_and(|above| above.is("tool")));
        let text;
        let word = match value {
            Value::Text(token) => {
                text = token.decode();
                &*text
            }
            // Not a type at all, so no type that is known.
            _ => return tool.then_some(Kind::UnknownTool),
        };
        if let Some((_, kind)) = table::TYPES.iter().find(|(known, _)| *known == word) {
            return Some(*kind);
        }
        let runs = if tool {
            Some(table::tool(self.api, word))
        } else {
            table::known_tool(self.api, word)
        };
        match (runs, parent) {
            (Some(Runs::AtProvider(kind)), _) => Some(kind),
            (None, "source") if word == "file" => Some(Kind::FileReference),
            (None, "source") if !table::INLINE_SOURCES.contains(&word) => Some(Kind::UrlSource),
            (None, "environment") if word != "local" => Some(Kind::HostedTool),
            _ => None,
        }
    }

    /// A member that is a URL by its name, or by its text where nobody knows the member.
    fn by_url(
        &self,
        path: &Path<'_>,
        name: &str,
        parent: Option<&StringToken<'_>>,
        token: &StringToken<'_>,
    ) -> Option<Kind> {
        let parent = parent.map(Name::of);
        let parent = parent.as_ref().map_or("", Name::as_str);
        if table::names_url(name) {
            let quoted = matches!(name, "url" | "uri") && table::quotes_urls(self.api, parent);
            return (!quoted && !begins(&token.decode(), "data:")).then_some(Kind::UrlSource);
        }
        if table::holds_file(parent, name) {
            return (!is_inline(&token.decode())).then_some(Kind::UrlSource);
        }
        let prose = table::PROSE.contains(&name) && !table::FILES.contains(&parent);
        if prose || !may_be_address(token.raw()) {
            return None;
        }
        let text = token.decode();
        let fetched = is_address(&text)
            && match position(self.surface, path, false) {
                Position::Unknown | Position::Exact | Position::Structural => true,
                // A document may begin with an address, but not be one.
                Position::Data => !text.trim().contains(char::is_whitespace),
                Position::Text | Position::JsonText | Position::FreeForm => false,
            };
        fetched.then_some(Kind::UrlSource)
    }

    /// Google's tools are told apart by their members.
    fn by_google_tool(&self, name: &str, parent: Option<&StringToken<'_>>) -> Option<Kind> {
        let tool = self.api == Api::Google
            && parent.is_some_and(|parent| Name::of(parent).as_str() == "tools")
            && !table::GOOGLE_CLIENT_TOOLS.contains(&name);
        tool.then_some(Kind::UnknownTool)
    }
}

/// A model that fetches by itself, wherever one is chosen: `model`, `models`, `fallbacks`.
fn by_model(path: &Path<'_>, name: &str, token: &StringToken<'_>) -> Option<Kind> {
    let chosen = ["model", "models", "fallbacks"].iter().any(|end| name.ends_with(end))
        || keys(Surface::Objects(Api::Google), path).any(|key| key.is("fallbacks"));
    if !chosen {
        return None;
    }
    let model = token.decode().to_ascii_lowercase();
    table::MODELS.iter().find(|(part, _)| model.contains(part)).map(|(_, kind)| *kind)
}

impl Row {
    fn holds(&self, parent: Option<&StringToken<'_>>, value: &Value<'_, '_>) -> bool {
        match self.at {
            At::Anywhere => true,
            At::Root => parent.is_none(),
            At::RootObject => parent.is_none() && matches!(value, Value::Object),
            At::Under(wanted) => parent.is_some_and(|parent| Name::of(parent).as_str() == wanted),
        }
    }
}

/// The keys on the way to a value, its own first, as far as they belong to one request.
pub(super) fn keys<'p, 'a>(
    surface: Surface,
    path: &'p Path<'a>,
) -> impl Iterator<Item = &'p StringToken<'a>> {
    let proper = path.segments().get(surface.envelope(path)..).unwrap_or_default();
    proper.iter().rev().filter_map(|segment| match segment {
        Segment::Key(token) => Some(token),
        Segment::Index(_) => None,
    })
}

/// Whether the container at `path` holds what the provider takes for data: a schema, the input of a
/// tool, metadata. The keys in there are the user's own.
fn is_free_form(surface: Surface, path: &Path<'_>) -> bool {
    let [above @ .., Segment::Key(key)] = path.segments() else { return false };
    let parent = keys(surface, path).nth(1);
    // A list has elements; what else carries its name is no element of it.
    let in_list = matches!(above, [.., Segment::Index(_)]);
    let root = keys(surface, path).last();
    let under = |names: &[&str]| parent.is_some_and(|parent| names.iter().any(|n| parent.is(n)));
    let within = |names: &[&str]| root.is_some_and(|root| names.iter().any(|n| root.is(n)));
    match surface.api() {
        Api::Anthropic => {
            (key.is("input_schema") || key.is("input_examples")) && (in_list || !under(&["tools"]))
                || key.is("input") && in_list && under(&["content"]) && within(&["messages"])
                || key.is("schema") && under(&["format", "output_format"])
                || key.is("metadata") && parent.is_none()
        }
        Api::OpenAi => {
            (key.is("parameters") || key.is("output_schema"))
                && (in_list && under(&["functions", "tools"])
                    || under(&["function"]) && matches!(above, [.., Segment::Index(_), _]))
                || key.is("schema") && under(&["json_schema", "format"])
                || key.is("arguments") && within(&["messages", "input"])
                || key.is("env") && under(&["action"])
                || key.is("metadata") && parent.is_none()
        }
        Api::Google => {
            let name = Name::of(key);
            let parent = parent.map(Name::of);
            let parent = parent.as_ref().map_or("", Name::as_str);
            match name.as_str() {
                "parameters" | "parametersjsonschema" | "response" | "responsejsonschema" => {
                    matches!(
                        parent,
                        "functiondeclarations"
                            | "functionresponse"
                            | "toolresponse"
                            | "generationconfig"
                    )
                }
                "responseschema" => parent == "generationconfig",
                "args" | "partialargs" => matches!(parent, "functioncall" | "toolcall"),
                "labels" => parent.is_empty(),
                _ => false,
            }
        }
    }
}

/// A key in lower case without `_` and `-`; a longer one than any rule has is cut at its front.
#[derive(Clone, Copy)]
pub(super) struct Name {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Name {
    const MOST: usize = 32;

    pub(super) fn of(key: &StringToken<'_>) -> Self {
        let mut name = Self { bytes: [0; Self::MOST], len: 0 };
        let text = key.decode();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric();
        let kept = text.bytes().rev().filter(plain).take(Self::MOST);
        for byte in kept {
            name.bytes[name.len] = byte.to_ascii_lowercase();
            name.len += 1;
        }
        name.bytes[..name.len].reverse();
        name
    }

    pub(super) fn as_str(&self) -> &str {
        // Letters and digits only.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// The keys of every object that is open, hashed, so that a repeated one shows in linear time.
#[derive(Default)]
struct Keys {
    hasher: RandomState,
    open: Vec<Members>,
    depth: usize,
}

/// The keys of one object; few are compared one by one, many looked up.
#[derive(Default)]
struct Members {
    few: Vec<u64>,
    many: std::collections::HashSet<u64>,
}

impl Keys {
    fn open(&mut self) {
        if self.depth == self.open.len() {
            self.open.push(Members::default());
        }
        let members = &mut self.open[self.depth];
        members.few.clear();
        members.many.clear();
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost object has not had this key yet.
    fn add(&mut self, key: &StringToken<'_>) -> bool {
        let hash = self.hasher.hash_one(key.decode().as_bytes());
        let Some(members) = self.depth.checked_sub(1).and_then(|at| self.open.get_mut(at)) else {
            return false;
        };
        if members.few.len() < FEW {
            let new = !members.few.contains(&hash);
            members.few.push(hash);
            return new;
        }
        !members.few.contains(&hash) && members.many.insert(hash)
    }
}

const FEW: usize = 32;
