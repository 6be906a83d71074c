//! Bodies, and what is said of them.

use super::*;
use crate::json;

/// `kind path` of the refusal, or `ok`.
fn verdict(api: Api, allow: Kinds, body: &str) -> String {
    let mut look = Look::new(surface(api), allow);
    let seen = match json::walk(body.as_bytes(), &mut look) {
        Ok(()) => look.finish(),
        Err(json::WalkError::Visitor(refusal)) => Err(refusal),
        Err(json::WalkError::Syntax(error)) => panic!("{error}: {body}"),
    };
    match seen {
        Ok(()) => "ok".to_owned(),
        Err(Refusal::Fetch { kind, path }) => format!("{} {path}", kind.name()),
        Err(Refusal::DuplicateKey { path }) => format!("duplicate-key {path}"),
    }
}

/// Refused by default, and sent where just this kind is allowed.
#[track_caller]
fn refused(api: Api, cases: &[(&str, &str)]) {
    let stored = Kinds::NONE.with(Kind::StoredState);
    for (body, expected) in cases {
        assert_eq!(verdict(api, stored, body), *expected, "{body}");
        let name = expected.split(' ').next().unwrap();
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).unwrap();
        let others: Kinds = Kind::ALL.into_iter().filter(|other| *other != kind).collect();
        assert_eq!(verdict(api, others, body), *expected, "all others allowed: {body}");
        if kind != Kind::UnknownTool && !body.contains("also") {
            assert_eq!(verdict(api, stored.with(kind), body), "ok", "allowed: {body}");
        }
    }
}

#[track_caller]
fn passes(api: Api, bodies: &[&str]) {
    for body in bodies {
        assert_eq!(verdict(api, Kinds::NONE, body), "ok", "{body}");
    }
}

use crate::provider::Api;
use crate::provider::Surface;

/// The shape that has all that an API can be told to fetch.
fn surface(api: Api) -> Surface {
    match api {
        Api::Anthropic => Surface::Messages,
        Api::OpenAi => Surface::Responses,
        Api::Google => Surface::Generate,
    }
}
use crate::provider::Api::{Anthropic, Google, OpenAi};

#[test]
fn what_anthropic_would_fetch_is_told_by_kind_and_place() {
    refused(
        Anthropic,
        &[
            (
                r#"{"mcp_servers":[{"type":"url","url":"https://evil.example","name":"n"}]}"#,
                "remote-mcp $.mcp_servers[0]",
            ),
            (r#"{"mcp_\u0073ervers":[{"name":"n"}]}"#, r#"remote-mcp $["…"][0]"#),
            (r#"{"mcpServers":{"n":{}}}"#, "remote-mcp $.mcpServers"),
            (r#"{"MCP_SERVERS":"x"}"#, "remote-mcp $.MCP_SERVERS"),
            (
                r#"{"tools":[{"type":"mcp_toolset","mcp_server_name":"n"}]}"#,
                "remote-mcp $.tools[0].type",
            ),
            (
                r#"{"tools":[{"name":"a","input_schema":{}},{"type":"web_search_20250305","name":"web_search"}]}"#,
                "web-tool $.tools[1].type",
            ),
            (r#"{"tools":[{"type":"web_fetch_20260318"}]}"#, "web-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"web_fetch_20991231_v2"}]}"#, "web-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"web\u005ffetch_20260318"}]}"#, "web-tool $.tools[0].type"),
            (r#"{"tools":[[[{"type":"web_search_20250305"}]]]}"#, "web-tool $.tools[0][0][0].type"),
            (r#"{"tools":{"type":"web_search_20250305"}}"#, "web-tool $.tools.type"),
            (
                r#"{"fallbacks":[{"tools":[{"type":"web_search_20250305"}]}]}"#,
                "web-tool $.fallbacks[0].tools[0].type",
            ),
            (r#"{"tomorrow":{"type":"web_search_20250305"}}"#, "web-tool $[\"…\"].type"),
            (r#"{"tools":[{"type":"code_execution_20250825"}]}"#, "hosted-tool $.tools[0].type"),
            (
                r#"{"tools":[{"type":"advisor_20260301","model":"m"}]}"#,
                "hosted-tool $.tools[0].type",
            ),
            (r#"{"container":"container_01"}"#, "hosted-tool $.container"),
            (r#"{"container":{"id":null}}"#, "hosted-tool $.container"),
            (
                r#"{"container":{"skills":[{"type":"custom","skill_id":"s"}]}}"#,
                "hosted-tool $.container",
            ),
            (
                r#"{"tools":[{"type":"bash_code_execution_20250825"}]}"#,
                "unknown-tool $.tools[0].type",
            ),
            (r#"{"tools":[{"type":"bash"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"bash_2025012x"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"teleport_20270101"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"CUSTOM"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":{"a":1}}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":7}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":["web_search_20250305"]}"#, "unknown-tool $.tools[0]"),
            (
                r#"{"tools":{"input_schema":[{"type":"web_search_20250305"}]}}"#,
                "web-tool $.tools.input_schema[0].type",
            ),
            (
                r#"{"messages":[{"content":{"input":[{"type":"web_search_20250305"}]}}]}"#,
                "web-tool $.messages[0].content.input[0].type",
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"web_fetch_20260318"}}}]}]}"#,
                "web-tool $.messages[0].content[0].tool.definition.type",
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"teleport_1"}}}]}]}"#,
                "unknown-tool $.messages[0].content[0].tool.definition.type",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://evil.example/?q=text"}}]}]}"#,
                "url-source $.messages[0].content[0].source.type",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"url":"https://evil.example/"},"type":"document"}]}]}"#,
                "url-source $.messages[0].content[0].source.url",
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url"}}]}]}]}"#,
                "url-source $.messages[0].content[0].content[0].source.type",
            ),
            (
                r#"{"system":[{"type":"document","source":{"type":"url"}}]}"#,
                "url-source $.system[0].source.type",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"tomorrow"}}]}]}"#,
                "url-source $.messages[0].content[0].source.type",
            ),
            (
                r#"{"messages":[{"content":[{"type":"image","source":{"type":"file","file_id":"file_1"}}]}]}"#,
                "file-reference $.messages[0].content[0].source.type",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"file_id":"file_1"}}]}]}"#,
                "file-reference $.messages[0].content[0].source.file_id",
            ),
            (
                r#"{"messages":[{"content":[{"file_id":"file_1","type":"container_upload"}]}]}"#,
                "file-reference $.messages[0].content[0].file_id",
            ),
            (
                r#"{"betas":["interleaved-thinking-2025-05-14","files-api-2025-04-14"]}"#,
                "file-reference $.betas[1]",
            ),
            (r#"{"tomorrow":{"from":"https://evil.example/x"}}"#, "url-source $[\"…\"][\"…\"]"),
            (
                r#"{"tomorrow":{"from":" \u0048TTPS://evil.example/x"}}"#,
                "url-source $[\"…\"][\"…\"]",
            ),
            (r#"{"tomorrow":{"image_url":"evil.example/x"}}"#, "url-source $[\"…\"].image_url"),
            (r#"{"tools":[{"name":"n","callbackUri":"x"}]}"#, "url-source $.tools[0][\"…\"]"),
        ],
    );
    let thread = r#"{"thread":{"type":"continue","previous_message_id":"msg_1"},"messages":[]}"#;
    assert_eq!(verdict(Anthropic, Kinds::NONE, thread), "stored-state $.thread");
    assert_eq!(verdict(Anthropic, Policy::default().allow, thread), "ok");
}

#[test]
fn what_openai_would_fetch_is_told_by_kind_and_place() {
    refused(
        OpenAi,
        &[
            (r#"{"web_search_options":{}}"#, "web-tool $.web_search_options"),
            (r#"{"model":"gpt-4o-search-preview","messages":[]}"#, "web-tool $.model"),
            (r#"{"model":"openai/gpt-4o:online","messages":[]}"#, "web-tool $.model"),
            (
                r#"{"tools":[{"type":"web_search_preview_2025_03_11"}],"store":false}"#,
                "web-tool $.tools[0].type",
            ),
            (
                r#"{"tools":[{"type":"web_search","filters":{"allowed_domains":[]}}]}"#,
                "web-tool $.tools[0].type",
            ),
            (
                r#"{"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"web_search_2025_08_26"}]}],"store":false}"#,
                "web-tool $.input[0].tools[0].type",
            ),
            (
                r#"{"tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp"}]}]}"#,
                "remote-mcp $.tools[0].tools[0].type",
            ),
            (
                r#"{"tools":[{"server_url":"https://evil.example","type":"mcp","server_label":"l"}]}"#,
                "remote-mcp $.tools[0].server_url",
            ),
            (
                r#"{"tools":[{"connector_id":"connector_gmail","type":"mcp"}]}"#,
                "remote-mcp $.tools[0].connector_id",
            ),
            (
                r#"{"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}"#,
                "hosted-tool $.tools[0].type",
            ),
            (r#"{"tools":[{"type":"image_generation"}]}"#, "hosted-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"programmatic_tool_calling"}]}"#, "hosted-tool $.tools[0].type"),
            (
                r#"{"tools":[{"type":"shell","environment":{"type":"container_auto"}}]}"#,
                "hosted-tool $.tools[0].environment.type",
            ),
            (
                r#"{"tools":[{"type":"shell","environment":{"type":"tomorrow"}}]}"#,
                "hosted-tool $.tools[0].environment.type",
            ),
            (
                r#"{"tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}"#,
                "file-reference $.tools[0].type",
            ),
            (
                r#"{"tool_resources":{"file_search":{"vector_store_ids":["vs_1"]}}}"#,
                "file-reference $.tool_resources",
            ),
            (
                r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
                "file-reference $.messages[0].content[0].file.file_id",
            ),
            (r#"{"prompt":{"id":"pmpt_1"},"store":false}"#, "file-reference $.prompt"),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_url":"https://evil.example/a.pdf"}]}],"store":false}"#,
                "url-source $.input[0].content[0].file_url",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":"https://evil.example/a.png"}]}],"store":false}"#,
                "url-source $.input[0].content[0].image_url",
            ),
            (
                r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://evil.example/a.png"}}]}]}"#,
                "url-source $.messages[0].content[0].image_url.url",
            ),
            (
                r#"{"messages":[{"content":[{"type":"image_url","image_url":"HTTP://evil.example"}]}]}"#,
                "url-source $.messages[0].content[0].image_url",
            ),
            (
                r#"{"messages":[{"content":[{"type":"video_url","video_url":{"url":"//evil.example"}}]}]}"#,
                "url-source $.messages[0].content[0].video_url.url",
            ),
            (
                r#"{"messages":[{"role":"tool","content":[{"image_url":{"url":" data:x"}}]}]}"#,
                "url-source $.messages[0].content[0].image_url.url",
            ),
            (r#"{"tools":[{"type":"teleport"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":[{"type":"Function"}]}"#, "unknown-tool $.tools[0].type"),
            (r#"{"tools":["web_search"]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":"web_search"}"#, "unknown-tool $.tools"),
            (r#"{"tools":[7]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[true]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[{"web_search":{}}]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[{"server_label":"x"}]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[{}]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":{"web_search":{}}}"#, "unknown-tool $.tools"),
            (r#"{"tools":[[{"function":{"type":"function"}}]]}"#, "unknown-tool $.tools[0][0]"),
            (r#"{"tools":[{"Type":"function","web_search":{}}]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[{"type":null,"web_search":{}}]}"#, "unknown-tool $.tools[0]"),
            (r#"{"tools":[{"type":"function"},{"type":""}]}"#, "unknown-tool $.tools[1]"),
            (
                r#"{"tools":[{"type":"namespace","tools":[{"name":"n"}]}]}"#,
                "unknown-tool $.tools[0].tools[0]",
            ),
            (r#"{"tools":[{"x_search":{},"type":"function"}]}"#, "web-tool $.tools[0].x_search"),
            (
                r#"{"tools":{"type":"function","parameters":[{"type":"web_search"}]}}"#,
                "web-tool $.tools.parameters[0].type",
            ),
            (
                r#"{"tools":{"type":"function","function":{"parameters":[{"type":"web_search"}]}}}"#,
                "web-tool $.tools.function.parameters[0].type",
            ),
            (r#"{"models":["m","openai/gpt-4o:online"]}"#, "web-tool $.models[1]"),
            (r#"{"models":["gpt-4o-search-preview"]}"#, "web-tool $.models[0]"),
            (r#"{"fallbacks":[{"model":"x:online"}]}"#, "web-tool $.fallbacks[0].model"),
            (r#"{"fallbacks":["x:Online"]}"#, "web-tool $.fallbacks[0]"),
            (r#"{"fallbacks":[{"gpt":["x:online"]}]}"#, "web-tool $.fallbacks[0][\"…\"][0]"),
            (r#"{"model":["x:online"]}"#, "web-tool $.model[0]"),
            (r#"{"model":"perplexity/sonar-pro"}"#, "web-tool $.model"),
            (r#"{"model":"sonar"}"#, "web-tool $.model"),
            (r#"{"model":"@preset/mine"}"#, "file-reference $.model"),
            (r#"{"model":"openai/gpt-4o@preset/mine"}"#, "file-reference $.model"),
            (r#"{"preset":"mine"}"#, "file-reference $.preset"),
            (r#"{"plugins":[{"id":"web"}]}"#, "hosted-tool $.plugins[0]"),
            (r#"{"search_parameters":{"mode":"auto"}}"#, "web-tool $.search_parameters"),
        ],
    );
    for (body, expected) in [
        (r#"{"previous_response_id":"resp_1"}"#, "stored-state $.previous_response_id"),
        (r#"{"conversation":{"id":"conv_1"}}"#, "stored-state $.conversation"),
        (r#"{"background":true}"#, "stored-state $.background"),
        (r#"{"store":true,"messages":[]}"#, "stored-state $.store"),
        (r#"{"input":"hi"}"#, "stored-state $"),
        (r#"{"input":"hi","store":null}"#, "stored-state $"),
        (r#"{"input":"hi","Store":false}"#, "stored-state $"),
        (
            r#"{"input":[{"type":"item_reference","id":"i"}],"store":false}"#,
            "stored-state $.input[0].type",
        ),
        (
            r#"{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}"#,
            "stored-state $.messages[0].audio.id",
        ),
    ] {
        assert_eq!(verdict(OpenAi, Kinds::NONE, body), expected, "{body}");
        assert_eq!(verdict(OpenAi, Policy::default().allow, body), "ok", "{body}");
    }
}

/// The member in its place, and what is said of it.
#[track_caller]
fn check_members(place: fn(&str) -> String, cases: &[(&str, &str)]) {
    for (member, expected) in cases {
        let body = place(member);
        let said = verdict(OpenAi, Policy::default().allow, &body);
        assert_eq!(said.split(' ').next().unwrap(), *expected, "{body}");
        let allowed = Kinds::NONE.with(Kind::UrlSource);
        assert_eq!(verdict(OpenAi, allowed, &body), "ok", "{body}");
    }
}

#[test]
fn a_file_brings_its_content_and_no_address_of_it() {
    check_members(
        |member| format!(r#"{{"messages":[{{"content":[{{"type":"file",{member}}}]}}]}}"#),
        &[
            (r#""file":{"file_data":"https://evil.example/a"}"#, "url-source"),
            (r#""file":{"file_data":"evil.example/a"}"#, "url-source"),
            (r#""file":{"fileData":"oss://bucket/a"}"#, "url-source"),
            (r#""file":{"link":"https://evil.example/a"}"#, "url-source"),
            (r#""file":{"text":"https://evil.example/a"}"#, "url-source"),
            (r#""file":{"from":["https://evil.example/a"]}"#, "url-source"),
            (r#""input_audio":{"data":"https://evil.example/a"}"#, "url-source"),
            (r#""input_audio":{"data":"//evil.example/a"}"#, "url-source"),
            (r#""image_url":{"href":"https://evil.example/a"}"#, "url-source"),
            (r#""image_url":{"href":"evil.example/a"}"#, "url-source"),
            (r#""image_url":{"data":"gs://bucket/a"}"#, "url-source"),
            (r#""file":{"file_data":"data:application/pdf;base64,AAAA"}"#, "ok"),
            (r#""file":{"file_data":"JVBERi0xLjQK","filename":"a: b.pdf"}"#, "ok"),
            (r#""file":{"file_data":"JVBE\nRi0xLjQK"}"#, "ok"),
            (r#""input_audio":{"data":"//uQxAAAAAAA","format":"mp3"}"#, "ok"),
            (r#""image_url":{"url":"data:image/png;base64,AA","detail":"high"}"#, "ok"),
        ],
    );
    for (data, expected) in [
        ("https://evil.example/a", "url-source $.messages[0].content[0].source.data"),
        ("https://docs.example/a says how", "ok"),
        ("//uQxAAAAAAA", "ok"),
        ("aGVsbG8=", "ok"),
    ] {
        let body = format!(r#"{{"messages":[{{"content":[{{"source":{{"data":"{data}"}}}}]}}]}}"#);
        assert_eq!(verdict(Anthropic, Kinds::NONE, &body), expected, "{body}");
    }
}

#[test]
fn an_address_is_one_however_it_is_spelled() {
    check_members(
        |text| format!(r#"{{"tomorrow":{{"from":"{text}"}}}}"#),
        &[
            ("https://evil.example", "url-source"),
            (r"ht\ttps://evil.example", "url-source"),
            (r"h\nt\rtps://evil.example", "url-source"),
            (r"\u0001https://evil.example", "url-source"),
            (r"\u0000\u001f \thttps://evil.example", "url-source"),
            ("\u{feff}https://evil.example", "url-source"),
            (r"\ufeff\u00a0https://evil.example", "url-source"),
            ("https:evil.example", "url-source"),
            (r"https:\\evil.example", "url-source"),
            (r"h\u0074tps\u003a//evil.example", "url-source"),
            ("//evil.example", "url-source"),
            (r"\/\/evil.example", "url-source"),
            (r"\\\\evil.example\\share", "url-source"),
            (r"/\t/evil.example", "url-source"),
            ("///////evil.example", "url-source"),
            ("//[::1]/", "url-source"),
            ("oss://bucket/a", "url-source"),
            ("of-tomorrow+x://a", "url-source"),
            ("file:/etc/passwd", "url-source"),
            ("//", "ok"),
            ("// a comment", "ok"),
            ("/v1/path", "ok"),
            ("12:30", "ok"),
            ("note: see https://docs.example", "ok"),
            ("data:text/plain,https://docs.example", "ok"),
            ("a b://c", "ok"),
            ("", "ok"),
        ],
    );
    // Prose stays prose, also where it must not be changed.
    passes(
        Anthropic,
        &[r#"{"messages":[{"content":[{"type":"thinking","thinking":"https://docs.example"}]}]}"#],
    );
    passes(
        OpenAi,
        &[r#"{"messages":[{"reasoning_details":[{"text":"https://docs.example"}],"name":"n"}]}"#],
    );
}

#[test]
fn what_google_would_fetch_is_told_by_kind_and_place() {
    refused(
        Google,
        &[
            (r#"{"tools":[{"google_search":{}}]}"#, "web-tool $.tools[0].google_search"),
            (r#"{"tools":[{"googleSearch":{}}]}"#, "web-tool $.tools[0].googleSearch"),
            (r#"{"tools":{"googleSearchRetrieval":{}}}"#, "web-tool $.tools.googleSearchRetrieval"),
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"f"}],"urlContext":{}}]}"#,
                "web-tool $.tools[0].urlContext",
            ),
            (r#"{"tools":[{"google_maps":{}}]}"#, "web-tool $.tools[0].google_maps"),
            (r#"{"tools":[{"codeExecution":{}}]}"#, "hosted-tool $.tools[0].codeExecution"),
            (
                r#"{"tools":[{"fileSearch":{"fileSearchStoreNames":["s"]}}]}"#,
                "file-reference $.tools[0].fileSearch",
            ),
            (
                r#"{"tools":[{"mcpServers":[{"name":"n","streamableHttpTransport":{"url":"https://evil.example"}}]}]}"#,
                "remote-mcp $.tools[0].mcpServers[0]",
            ),
            (r#"{"tools":[{"teleport":{}}]}"#, "unknown-tool $.tools[0][\"…\"]"),
            (r#"{"tools":[{"teleport":true}]}"#, "unknown-tool $.tools[0][\"…\"]"),
            (r#"{"cachedContent":"cachedContents/1"}"#, "file-reference $.cachedContent"),
            (
                r#"{"contents":[{"parts":[{"file_data":{"file_uri":"gs://bucket/x"}}]}]}"#,
                "url-source $.contents[0].parts[0].file_data.file_uri",
            ),
            (
                r#"{"contents":{"parts":{"fileData":{"fileUri":"https://youtu.be/x"}}}}"#,
                "url-source $.contents.parts.fileData.fileUri",
            ),
            (
                r#"{"contents":[{"parts":[{"functionResponse":{"response":{},"parts":[{"fileData":{"fileUri":"u"}}]}}]}]}"#,
                "url-source $.contents[0].parts[0].functionResponse.parts[0].fileData.fileUri",
            ),
            (
                r#"{"generationConfig":{"generationOutputConfig":{"outputUriPrefix":"gs://mine"}}}"#,
                "url-source $.generationConfig.generationOutputConfig.outputUriPrefix",
            ),
        ],
    );
    passes(
        Google,
        &[
            r#"{"tools":[{"functionDeclarations":[{"name":"f","parameters":{"properties":{"file_uri":{"type":"STRING","default":"https://x.example"}}}}]},{"computer_use":{}}],"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}}}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"https://x.example"},{"inlineData":{"mimeType":"image/png","data":"https"}}]},{"parts":[{"functionCall":{"name":"f","args":{"fileUri":"https://x.example","googleSearch":{}}}}]},{"parts":[{"functionResponse":{"name":"f","response":{"url":"https://x.example"}}}]}],"systemInstruction":{"parts":{"text":"gs://x"}}}"#,
        ],
    );
}

#[test]
fn what_clients_send_every_day_passes() {
    passes(
        Anthropic,
        &[
            r#"{"model":"claude","system":[{"type":"text","text":"https://docs.example","cache_control":{"type":"ephemeral"}}],"thinking":{"type":"adaptive"},"metadata":{"user_id":"u","file_id":"f","file_id":"f"},"mcp_servers":[],"container":null,"thread":null,"stream":true,"tool_choice":{"type":"auto"},"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#,
            r#"{"tools":[{"name":"fetch","description":"https://x.example","input_schema":{"type":"object","properties":{"url":{"type":"string","format":"uri","default":"https://x.example"},"file_id":{"type":"string"},"type":{"enum":["web_search_20250305"]},"tools":{"type":"teleport"}}}},{"type":"custom","name":"b","input_schema":{}},{"type":null,"name":"c"},{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"e"},{"type":"computer_20251124","name":"computer"},{"type":"memory_20250818"},{"type":"computer_toolset_20260801"},{"type":"tool_search_tool_regex_20251119"}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"https"}},{"type":"document","source":{"type":"text","data":"https://x.example is it"}},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"t"}]}},{"type":"search_result","source":"https://x.example","title":"t","content":[{"type":"text","text":"x"}]}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"i","name":"n","input":{"url":"https://x.example","file_id":"f","mcp_servers":[1],"source":{"type":"url"}}},{"type":"server_tool_use","input":{"url":"https://x.example"}},{"type":"web_search_tool_result","content":[{"type":"web_search_result","url":"https://x.example"}]},{"type":"text","text":"t","citations":[{"type":"web_search_result_location","url":"https://x.example"}]}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"https://x.example"}]}]}"#,
            r#"{"output_config":{"format":{"type":"json_schema","schema":{"properties":{"image_url":{"default":"https://x.example"}}}}}}"#,
        ],
    );
    passes(
        OpenAi,
        &[
            r#"{"model":"gpt-5","messages":[{"role":"user","content":"https://x.example"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}},{"type":"image_url","image_url":{"url":"DATA:,x"}},{"type":"file","file":{"file_data":"data:x","filename":"f"}}]}],"store":false,"metadata":{"url":"https://x.example"},"web_search_options":null,"user":"https://x.example"}"#,
            r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"server_url":{"type":"string"},"server_url":1}}}},{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"functions":[{"name":"g","parameters":{"x":{"file_id":"y"}}}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a_url":"https://x.example"}}}}"#,
            r#"{"tools":[{"function":{"name":"f","parameters":{"model":"sonar"}},"type":"function"}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}},"functions":[{"name":"g","parameters":{"preset":"p"}}]}"#,
            r#"{"tools":null}"#,
            r#"{"store":false,"input":[{"type":"mcp_list_tools","server_label":"l","tools":[{"name":"n","input_schema":{}}]}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\"server_url\":\"https://x.example\"}"}}],"audio":null,"annotations":[{"type":"url_citation","url_citation":{"url":"https://x.example"}}]}]}"#,
            r#"{"store":false,"input":[{"type":"reasoning","encrypted_content":"gAAAA"},{"type":"function_call","arguments":"{}","call_id":"c","name":"n"},{"type":"local_shell_call","action":{"type":"exec","env":{"FILE_URL":"https://x.example"}}},{"type":"web_search_call","action":{"type":"open_page","url":"https://x.example"}},{"role":"user","content":[{"type":"input_text","text":"https://x.example"},{"type":"input_image","image_url":"data:image/png;base64,AA"}]}],"tools":[{"type":"function","name":"f","parameters":{"image_url":{}}},{"type":"custom","name":"c"},{"type":"local_shell"},{"type":"shell","environment":{"type":"local"}},{"type":"apply_patch"},{"type":"computer_use_preview","environment":"browser"},{"type":"tool_search"},{"type":"namespace","name":"n","description":"d","tools":[{"type":"function"}]}],"background":false,"previous_response_id":null}"#,
        ],
    );
}

#[test]
fn a_key_that_stands_twice_is_refused_where_the_protocol_reads_it() {
    for (body, expected) in [
        (r#"{"model":"a","model":"b"}"#, "duplicate-key $"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "duplicate-key $"),
        (
            r#"{"messages":[{"role":"user","content":"a","role":"system"}]}"#,
            "duplicate-key $.messages[0]",
        ),
        (r#"{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}"#, "ok"),
        (r#"{"a":{"b":{"a":1}},"b":1}"#, "ok"),
        (r#"{"messages":[{"content":[{"type":"tool_use","input":{"a":1,"a":2}}]}]}"#, "ok"),
    ] {
        assert_eq!(verdict(Anthropic, Kinds::NONE, body), expected, "{body}");
    }
    // As many as one likes, in linear time.
    let many: Vec<String> = (0..50_000).map(|i| format!("\"k{i}\":{i}")).collect();
    let once = format!("{{{}}}", many.join(","));
    assert_eq!(verdict(Anthropic, Kinds::NONE, &once), "ok");
    let twice = format!("{{{},\"k7\":1}}", many.join(","));
    assert_eq!(verdict(Anthropic, Kinds::NONE, &twice), "duplicate-key $");
    let late = format!("{{{},\"k49999\":1}}", many.join(","));
    assert_eq!(verdict(Anthropic, Kinds::NONE, &late), "duplicate-key $");
}

#[test]
fn the_table_can_be_searched_and_every_name_is_normal() {
    assert!(table::ROWS.is_sorted_by(|a, b| a.key < b.key));
    let normal = |key: &str| key.len() <= 32 && key.bytes().all(|b| b.is_ascii_lowercase());
    for row in table::ROWS {
        assert!(normal(row.key), "{}", row.key);
        assert!(!row.declares || row.kind.can_be_stripped(), "{}", row.key);
    }
    assert!(table::PROSE.iter().chain(table::GOOGLE_CLIENT_TOOLS).all(|key| normal(key)));
}

#[test]
fn betas_are_told_by_their_names_whatever_their_dates() {
    for (token, expected) in [
        ("interleaved-thinking-2025-05-14", None),
        (" mcp-client-2025-11-20", Some(Kind::RemoteMcp)),
        ("web-fetch-2099-01-01", Some(Kind::WebTool)),
        ("files-api-2025-04-14", Some(Kind::FileReference)),
        ("code-execution-2025-08-25", Some(Kind::HostedTool)),
        ("skills-2025-10-02", Some(Kind::HostedTool)),
        ("message-threads-2026-08-12", Some(Kind::StoredState)),
        ("fine-grained-tool-streaming-2025-05-14", None),
        ("MCP-Client-2025-11-20", Some(Kind::RemoteMcp)),
        ("a=mcp-client-x", Some(Kind::RemoteMcp)),
        ("computer-use-2025-01-24 web-fetch-2025-09-10", Some(Kind::WebTool)),
    ] {
        assert_eq!(beta(token), expected, "{token}");
    }
}

#[track_caller]
fn check_strip(api: Api, kind: Kind, body: &str, expected: &str) {
    let stripped = strip(surface(api), Kinds::NONE.with(kind), body.as_bytes());
    let got = stripped.map_or(body.to_owned(), |s| String::from_utf8(s.body).unwrap());
    assert_eq!(got, expected, "{body}");
    assert!(serde_json::from_str::<serde_json::Value>(&got).is_ok(), "{got}");
}

#[test]
fn declarations_are_taken_out_and_every_other_byte_stays() {
    use Kind::{HostedTool, RemoteMcp, UnknownTool, WebTool};
    let web = r#"{"type":"web_search"}"#;
    let own = r#"{"type":"function" , "name":"f"}"#;
    for (tools, expected) in [
        (format!("[ {web} , {own} ]"), format!("[ {own} ]")),
        (format!("[ {own} ,\n {web} ]"), format!("[ {own} ]")),
        (format!("[{web},{own},{web},{own},{web},{web}]"), format!("[{own},{own}]")),
        (format!("[{own}]"), format!("[{own}]")),
    ] {
        let body = |tools: &str| format!(r#"{{"tools":{tools}, "input":[1 ],"store":false}}"#);
        check_strip(OpenAi, WebTool, &body(&tools), &body(&expected));
    }
    for (kind, body, expected) in [
        (
            WebTool,
            r#"{"a":1,"tools":[{"type":"web_search"}],"tool_choice":"auto","b":2}"#,
            r#"{"a":1,"b":2}"#,
        ),
        (WebTool, r#"{"tools":[{"type":"web_search"}]}"#, "{}"),
        (WebTool, r#"{"messages":[],"web_search_options":{}}"#, r#"{"messages":[]}"#),
        (
            WebTool,
            r#"{"web_search_options":{"search_context_size":"low"}, "messages":[]}"#,
            r#"{"messages":[]}"#,
        ),
        (
            HostedTool,
            r#"{"tools":[{"type":"web_search"},{"type":"code_interpreter","container":"c"}]}"#,
            r#"{"tools":[{"type":"web_search"}]}"#,
        ),
        (
            UnknownTool,
            r#"{"tools":[{"type":"teleport"},{"type":"function"}]}"#,
            r#"{"tools":[{"type":"function"}]}"#,
        ),
        (
            UnknownTool,
            r#"{"tools":[{"teleport":{}},{"type":"function"}]}"#,
            r#"{"tools":[{"type":"function"}]}"#,
        ),
        (
            WebTool,
            r#"{"input":[{"type":"additional_tools","tools":[{"type":"web_search"},{"type":"custom"}]}]}"#,
            r#"{"input":[{"type":"additional_tools","tools":[{"type":"custom"}]}]}"#,
        ),
        // What only looks like a declaration, and what cannot go alone, stays.
        (
            WebTool,
            r#"{"tools":[],"messages":[{"content":"web_search"}]}"#,
            r#"{"tools":[],"messages":[{"content":"web_search"}]}"#,
        ),
        (WebTool, r#"{"model":"gpt-4o-search-preview"}"#, r#"{"model":"gpt-4o-search-preview"}"#),
        (
            WebTool,
            r#"{"tools":[7,{"type":"web_search"}]}"#,
            r#"{"tools":[7,{"type":"web_search"}]}"#,
        ),
        (WebTool, r#"{"x":{"web_search_options":{}}}"#, r#"{"x":{"web_search_options":{}}}"#),
    ] {
        check_strip(OpenAi, kind, body, expected);
    }
    check_strip(
        Anthropic,
        RemoteMcp,
        r#"{"mcp_servers":[{"url":"https://x.example"}],"tools":[{"type":"mcp_toolset"},{"name":"n"}],"max_tokens":1}"#,
        r#"{"tools":[{"name":"n"}],"max_tokens":1}"#,
    );
    for (body, expected) in [
        (
            r#"{"tools":[{"googleSearch":{}},{"functionDeclarations":[]}]}"#,
            r#"{"tools":[{"functionDeclarations":[]}]}"#,
        ),
        (
            r#"{"tools":[{"googleSearch":{},"functionDeclarations":[]}]}"#,
            r#"{"tools":[{"googleSearch":{},"functionDeclarations":[]}]}"#,
        ),
    ] {
        check_strip(Google, WebTool, body, expected);
    }
    assert!(
        strip(
            surface(OpenAi),
            Kinds::NONE.with(WebTool),
            b"{\"tools\":[{\"type\":\"web_search\"}]"
        )
        .is_none()
    );
    assert!(strip(surface(OpenAi), Kinds::NONE, br#"{"tools":[{"type":"web_search"}]}"#).is_none());
}
