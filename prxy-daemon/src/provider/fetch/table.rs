//! The rules, as data. Checked against the types of the official SDKs (anthropic 2.12, openai 3.54,
//! google-genai 3.4); what they do not know is refused as [`Kind::UnknownTool`] or by its form.

use super::Kind;
use super::Kind::{
    FileReference, HostedTool, RemoteMcp, StoredState, UnknownTool, UrlSource, WebTool,
};
use crate::provider::Api;

/// A member that makes the provider do something, wherever the API takes it.
pub(super) struct Row {
    /// The key in lower case, without `_` and `-`: both spellings of Google's, and whatever a
    /// lenient reader might take for it.
    pub(super) key: &'static str,
    pub(super) at: At,
    pub(super) kind: Kind,
    /// Whether it only declares: it can be taken out, as a tool can.
    pub(super) declares: bool,
}

/// Where a [`Row`] holds.
pub(super) enum At {
    Anywhere,
    /// In the outermost object.
    Root,
    /// In the outermost object, where the value is an object and no text.
    RootObject,
    /// In a member of this (normalised) name.
    Under(&'static str),
}

/// Sorted by key, so that it can be searched. One table for all APIs: compatible servers take each
/// other's fields. A value that is `null`, `false`, `""` or empty asks for nothing.
pub(super) const ROWS: &[Row] = &[
    row("background", At::Root, StoredState),
    row("cachedcontent", At::Root, FileReference),
    declaration("codeexecution", At::Under("tools"), HostedTool),
    declaration("compoundcustom", At::Root, HostedTool),
    row("connectorid", At::Anywhere, RemoteMcp),
    declaration("connectors", At::Root, RemoteMcp),
    declaration("container", At::Anywhere, HostedTool),
    row("containerid", At::Anywhere, HostedTool),
    row("continuationtoken", At::Root, StoredState),
    row("conversation", At::Root, StoredState),
    declaration("datasources", At::Root, FileReference),
    declaration("enablesearch", At::Root, WebTool),
    declaration("enterprisewebsearch", At::Anywhere, WebTool),
    declaration("exaaisearch", At::Anywhere, WebTool),
    row("fileid", At::Anywhere, FileReference),
    row("fileids", At::Anywhere, FileReference),
    declaration("filesearch", At::Anywhere, FileReference),
    row("filesearchstorenames", At::Anywhere, FileReference),
    declaration("googlemaps", At::Anywhere, WebTool),
    declaration("googlesearch", At::Anywhere, WebTool),
    declaration("googlesearchretrieval", At::Anywhere, WebTool),
    row("id", At::Under("audio"), StoredState),
    declaration("mcpservers", At::Anywhere, RemoteMcp),
    row("outputuriprefix", At::Anywhere, UrlSource),
    declaration("parallelaisearch", At::Anywhere, WebTool),
    declaration("plugins", At::Root, HostedTool),
    row("preset", At::Anywhere, FileReference),
    row("previousresponseid", At::Root, StoredState),
    row("prompt", At::RootObject, FileReference),
    declaration("retrieval", At::Under("tools"), FileReference),
    declaration("searchparameters", At::Root, WebTool),
    declaration("searchsettings", At::Root, WebTool),
    row("serverurl", At::Anywhere, RemoteMcp),
    row("skillid", At::Anywhere, HostedTool),
    row("store", At::Root, StoredState),
    row("thread", At::Root, StoredState),
    declaration("toolresources", At::Root, FileReference),
    row("tunnelid", At::Anywhere, RemoteMcp),
    declaration("urlcontext", At::Anywhere, WebTool),
    row("vectorstoreid", At::Anywhere, FileReference),
    row("vectorstoreids", At::Anywhere, FileReference),
    declaration("websearch", At::Root, WebTool),
    declaration("websearchoptions", At::Root, WebTool),
    declaration("xsearch", At::Anywhere, WebTool),
];

const fn row(key: &'static str, at: At, kind: Kind) -> Row {
    Row { key, at, kind, declares: false }
}

const fn declaration(key: &'static str, at: At, kind: Kind) -> Row {
    Row { key, at, kind, declares: true }
}

/// The rule for a key, normalised.
pub(super) fn row_of(key: &str) -> Option<&'static Row> {
    ROWS.binary_search_by(|row| row.key.cmp(key)).ok().map(|at| &ROWS[at])
}

/// Who runs a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// The client; or the provider, on nothing but what stands in the request.
    AtClient,
    /// The provider.
    AtProvider(Kind),
}

/// A tool's `type`, or the family of one whose versions end in a date.
struct ToolType {
    name: &'static str,
    form: Form,
    runs: Runs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The name alone.
    Exact,
    /// The name, `_` and eight digits.
    Dated,
    /// Whatever begins like this.
    Prefix,
}

/// Who runs a tool of this type; a type that stands nowhere is [`Kind::UnknownTool`].
pub(super) fn tool(api: Api, name: &str) -> Runs {
    known_tool(api, name).unwrap_or(Runs::AtProvider(UnknownTool))
}

/// The same for a `type` outside of any list of tools: `None` if it is no tool's.
pub(super) fn known_tool(api: Api, name: &str) -> Option<Runs> {
    let types: &[ToolType] = match api {
        Api::Anthropic => ANTHROPIC_TOOLS,
        Api::OpenAi => OPENAI_TOOLS,
        Api::Google => &[],
    };
    types.iter().find(|known| known.is(name)).map(|known| known.runs)
}

impl ToolType {
    fn is(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.name) else { return false };
        match self.form {
            Form::Exact => rest.is_empty(),
            Form::Prefix => true,
            Form::Dated => rest.strip_prefix('_').is_some_and(|date| {
                date.len() == 8 && date.bytes().all(|digit| digit.is_ascii_digit())
            }),
        }
    }
}

/// <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>
const ANTHROPIC_TOOLS: &[ToolType] = &[
    client("custom", Form::Exact),
    client("bash", Form::Dated),
    client("text_editor", Form::Dated),
    client("computer", Form::Dated),
    client("computer_toolset", Form::Dated),
    client("browser_toolset", Form::Dated),
    client("memory", Form::Dated),
    // These look through the tools of the request and nothing else.
    client("tool_search_tool_regex", Form::Prefix),
    client("tool_search_tool_bm25", Form::Prefix),
    provider("web_search_2", Form::Prefix, WebTool),
    provider("web_fetch_2", Form::Prefix, WebTool),
    provider("code_execution_2", Form::Prefix, HostedTool),
    provider("advisor_2", Form::Prefix, HostedTool),
    provider("mcp_toolset", Form::Exact, RemoteMcp),
];

/// Chat completions know `function` and `custom` only, responses all of them;
/// <https://platform.openai.com/docs/api-reference/responses/create>.
const OPENAI_TOOLS: &[ToolType] = &[
    client("function", Form::Exact),
    client("custom", Form::Exact),
    client("local_shell", Form::Exact),
    client("apply_patch", Form::Exact),
    client("computer", Form::Exact),
    client("computer_use_preview", Form::Exact),
    // Runs where its `environment` says, see `Look`.
    client("shell", Form::Exact),
    // Holds `tools` of its own.
    client("namespace", Form::Exact),
    // Looks through the tools of the request and nothing else.
    client("tool_search", Form::Exact),
    provider("web_search", Form::Exact, WebTool),
    provider("web_search_preview", Form::Prefix, WebTool),
    provider("web_search_2", Form::Prefix, WebTool),
    provider("browser_search", Form::Exact, WebTool),
    provider("mcp", Form::Exact, RemoteMcp),
    provider("file_search", Form::Exact, FileReference),
    provider("code_interpreter", Form::Exact, HostedTool),
    provider("image_generation", Form::Exact, HostedTool),
    provider("programmatic_tool_calling", Form::Exact, HostedTool),
];

const fn client(name: &'static str, form: Form) -> ToolType {
    ToolType { name, form, runs: Runs::AtClient }
}

const fn provider(name: &'static str, form: Form, kind: Kind) -> ToolType {
    ToolType { name, form, runs: Runs::AtProvider(kind) }
}

/// Members of a tool of Google's that the client runs; every other one is the provider's.
/// <https://ai.google.dev/api/caching#Tool>
pub(super) const GOOGLE_CLIENT_TOOLS: &[&str] = &["functiondeclarations", "computeruse"];

/// A `type` that says it all, wherever it stands.
pub(super) const TYPES: &[(&str, Kind)] = &[
    ("container_upload", FileReference),
    ("container_auto", HostedTool),
    ("container_reference", HostedTool),
    ("item_reference", StoredState),
];

/// Types of a `source` that brings its own content.
pub(super) const INLINE_SOURCES: &[&str] = &["base64", "text", "content"];

/// Parents in which a `url` tells where something came from, and is not fetched: results that
/// providers gave earlier, sent again.
pub(super) fn quotes_urls(api: Api, parent: &str) -> bool {
    let quoting: &[&str] = match api {
        Api::Anthropic => &["content", "citations", "tabs", "statechanges", "mcpservers"],
        Api::OpenAi => {
            &["annotations", "urlcitation", "action", "sources", "results", "mcpservers"]
        }
        Api::Google => &["streamablehttptransport"],
    };
    quoting.contains(&parent)
}

/// Keys of prose, which may well be a URL and nothing else.
pub(super) const PROSE: &[&str] = &[
    "text",
    "content",
    "contents",
    "parts",
    "input",
    "output",
    "instructions",
    "arguments",
    "description",
    "title",
    "summary",
    "refusal",
    "variables",
    "query",
    "queries",
    "thinking",
];

/// Objects that hold one file, in members that nobody but the provider reads.
pub(super) const FILES: &[&str] = &["file", "imageurl", "inputaudio"];

/// Whether a member is an address by its name.
pub(super) fn names_url(name: &str) -> bool {
    ["url", "urls", "uri", "uris"].iter().any(|end| name.ends_with(end))
        || matches!(name, "href" | "link")
}

/// Whether a member is a file's content by its name: base64, a `data:` URL, or else something that
/// the provider would fetch.
pub(super) fn holds_file(parent: &str, name: &str) -> bool {
    name == "filedata" || name == "data" && FILES.contains(&parent)
}

/// Models that search the web by themselves, or are settings stored there. Each must occur in the
/// model's name, in lower case.
pub(super) const MODELS: &[(&str, Kind)] = &[
    ("search-preview", WebTool),
    ("search-api", WebTool),
    ("deep-research", WebTool),
    (":online", WebTool),
    ("groq/compound", WebTool),
    ("compound-beta", WebTool),
    ("sonar", WebTool),
    ("@preset/", FileReference),
];

/// How features are called in `anthropic-beta`. Others switch nothing on that fetches.
pub(super) const BETAS: &[(&str, Kind)] = &[
    ("mcp-client-", RemoteMcp),
    ("mcp-tunnels-", RemoteMcp),
    ("web-fetch-", WebTool),
    ("web-search-", WebTool),
    ("files-api-", FileReference),
    ("code-execution-", HostedTool),
    ("skills-", HostedTool),
    ("advisor-tool-", HostedTool),
    ("managed-agents-", HostedTool),
    ("agent-memory-", HostedTool),
    ("ce-plugins-", HostedTool),
    ("message-threads-", StoredState),
];
