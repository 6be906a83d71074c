//! The names of members that may be shown in errors and logs.
//!
//! Any other name may be somebody's own: a person's, a project's, a value that a pattern of the
//! configuration would mask. Not for what a member means: that is `provider`.

/// Whether providers' APIs have a member of this name, in whatever spelling they use.
pub(super) fn is_known(key: &str) -> bool {
    let plain = key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    plain && key.len() <= MOST && {
        let name = key.replace('_', "").to_ascii_lowercase();
        NAMES.binary_search(&&*name).is_ok()
    }
}

const MOST: usize = 32;

/// In lower case, without `_`; sorted. More than the tables of `provider` have does no harm: all of
/// them are words of published APIs.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "action", "additionalproperties", "allof", "allowedcallers", "alloweddomains",
    "allowedfunctionnames", "allowedtools", "annotations", "anthropicbeta", "anyof", "args",
    "arguments", "attributes", "audio", "background", "betas", "blockeddomains", "budgettokens",
    "cachecontrol", "cachedcontent", "caller", "candidates", "choices", "citations", "citedtext",
    "code", "codeexecution", "compoundcustom", "computeruse", "config", "connectorid", "connectors",
    "const", "container", "containerid", "content", "contents", "context", "contextmanagement",
    "continuationtoken", "conversation", "custom", "data", "datasources", "default", "definition",
    "definitions", "defs", "delta", "description", "detail", "details", "dimensions",
    "disableparalleltooluse", "documenttitle", "domain", "edits", "effort", "enablesearch",
    "encodingformat", "encryptedcontent", "encryptedindex", "encryptedstdout",
    "enterprisewebsearch", "enum", "env", "environment", "error", "errorcode", "exaaisearch",
    "example", "examples", "extrabody", "fallback", "fallbacks", "file", "filedata", "fileid",
    "fileids", "filename", "files", "filesearch", "filesearchstorenames", "fileuri", "fileurl",
    "filters", "format", "frequencypenalty", "function", "functioncall", "functioncallingconfig",
    "functiondeclarations", "functionresponse", "functions", "generationconfig",
    "generationoutputconfig", "googlemaps", "googlesearch", "googlesearchretrieval", "grammar",
    "guardrails", "headers", "href", "id", "image", "imageurl", "include", "index", "inferencegeo",
    "inlinedata", "input", "inputaudio", "inputexamples", "inputschema", "inputtext",
    "instructions", "items", "jsonschema", "keep", "keywords", "labels", "language", "link",
    "location", "logitbias", "logprobs", "maxcompletiontokens", "maxoutputtokens", "maxtokens",
    "maxtoolcalls", "mcpservername", "mcpservers", "mediatype", "message", "messages", "metadata",
    "mimetype", "modalities", "mode", "model", "models", "moderation", "name", "namespace", "oneof",
    "options", "output", "outputconfig", "outputformat", "outputschema", "outputuriprefix",
    "pageage", "parallelaisearch", "paralleltoolcalls", "parameters", "parametersjsonschema",
    "part", "partialargs", "parts", "pattern", "plugins", "prediction", "presencepenalty", "preset",
    "previousmessageid", "previousresponseid", "prompt", "promptcachekey", "promptcacheretention",
    "properties", "provider", "queries", "query", "reasoning", "reasoningcontent",
    "reasoningdetails", "reasoningeffort", "refusal", "required", "response", "responseformat",
    "responsejsonschema", "responsemimetype", "responseschema", "results", "retrieval",
    "retrievedat", "role", "safetyidentifier", "safetysettings", "schema", "searchparameters",
    "searchsettings", "seed", "serverlabel", "servername", "serverurl", "servicetier", "signature",
    "skillid", "skills", "source", "sources", "speed", "src", "start", "statechanges", "stderr",
    "stdout", "stop", "stopsequences", "store", "stream", "streamablehttptransport",
    "streamoptions", "strict", "suffix", "summary", "system", "systeminstruction", "tabs",
    "temperature", "text", "thinking", "thinkingblocks", "thinkingconfig", "thread", "title",
    "tool", "tooladdition", "toolcallid", "toolcalls", "toolchoice", "toolconfig",
    "toolconfiguration", "toolname", "toolresources", "tools", "tooluseid", "topk", "toplogprobs",
    "topp", "truncation", "tunnelid", "type", "uri", "uris", "url", "urlcitation", "urlcontext",
    "urls", "user", "value", "values", "variables", "vectorstoreid", "vectorstoreids", "verbosity",
    "version", "videourl", "voice", "websearch", "websearchoptions", "xsearch",
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_names_can_be_searched() {
        assert!(super::NAMES.is_sorted());
        let normal = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase());
        assert!(super::NAMES.iter().all(normal));
        for (key, known) in [
            ("messages", true),
            ("mcpServers", true),
            ("tool_calls", true),
            ("Zaphod", false),
            ("user2", false),
            ("", false),
            ("_", false),
        ] {
            assert_eq!(super::is_known(key), known, "{key}");
        }
    }
}
