use super::*;
use crate::pipeline::ipc::tests::session::{Session, Shape};
use crate::pipeline::ipc::tests::strict::Rules;

const TOOLS: [(&str, &str); 8] = [
    ("mcp__github__list_issues", "Lists the issues of a repository"),
    ("mcp__github__create_issue", "Creates an issue in a repository"),
    ("mcp__calendar__list_events", "Lists events of a calendar"),
    ("mcp__calendar__create_event", "Invites people to an event"),
    ("mcp__weather__forecast", "Tells the weather of a city"),
    ("mcp__mail__send", "Sends a mail"),
    ("mcp__mail__search", "Searches mail by sender"),
    ("mcp__files__read", "Reads a file"),
];

fn declared(surface: Surface) -> Vec<String> {
    let schema = r#"{"type":"object", "properties":{"q":{"type":"string"}}}"#;
    TOOLS
        .iter()
        .map(|(name, what)| match surface {
            Surface::Messages => {
                format!(r#"{{"name":"{name}","description":"{what}","input_schema":{schema}}}"#)
            }
            Surface::Chat => format!(
                r#"{{"type":"function","function":{{"name":"{name}","description":"{what}","parameters":{schema}}}}}"#
            ),
            Surface::Responses => format!(
                r#"{{"type":"function","name":"{name}","description":"{what}","parameters":{schema}}}"#
            ),
            _ => format!(r#"{{"name":"{name}","description":"{what}","parameters":{schema}}}"#),
        })
        .collect()
}

fn body(surface: Surface, tools: &[String], turns: &str, more: &str) -> String {
    let tools = tools.join(" , ");
    match surface {
        Surface::Messages | Surface::Chat => {
            format!(r#"{{"tools":[ {tools} ],"messages":[{turns}]{more}}}"#)
        }
        Surface::Responses => format!(r#"{{"tools":[ {tools} ],"input":[{turns}]{more}}}"#),
        _ => format!(
            r#"{{"tools":[{{"functionDeclarations":[ {tools} ]}},{{"googleSearch":{{}}}}],"contents":[{turns}]{more}}}"#
        ),
    }
}

fn user(surface: Surface, text: &str) -> String {
    match surface {
        Surface::Generate => format!(r#"{{"role":"user","parts":[{{"text":"{text}"}}]}}"#),
        _ => format!(r#"{{"role":"user","content":"{text}"}}"#),
    }
}

/// The tools that stay, by their place in the list; all else must be as it was.
#[track_caller]
fn kept(
    choice: &config::McpOptimizer,
    surface: Surface,
    tools: &[String],
    turns: &str,
    more: &str,
) -> Vec<usize> {
    let before = body(surface, tools, turns, more);
    let optimizer = McpOptimizer::new(choice.clone());
    let Some(fewer) = optimizer.fewer(surface, before.as_bytes()) else {
        return (0..tools.len()).collect();
    };
    let after = String::from_utf8(fewer.body).unwrap();
    let kept: Vec<usize> = (0..tools.len()).filter(|at| after.contains(&tools[*at])).collect();
    assert_eq!((fewer.before, fewer.after), (tools.len(), kept.len()));
    let chosen: Vec<String> = kept.iter().map(|at| tools[*at].clone()).collect();
    let whole = body(surface, &chosen, turns, more);
    assert_eq!(after.replace(' ', ""), whole.replace(' ', ""), "order, bytes and all else");
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(&after), read(&whole));
    kept
}

const SURFACES: [Surface; 4] =
    [Surface::Messages, Surface::Chat, Surface::Responses, Surface::Generate];

#[test]
fn the_tools_that_have_to_do_with_the_users_texts_stay_in_order() {
    for surface in SURFACES {
        let tools = declared(surface);
        for (texts, expected) in [
            (&["Which issues are open in the repository?"][..], &[0, 1][..]),
            (&["Will the weather be fine?"], &[4]),
            (&["Will the weather be fine?", "And the open issues of my repository?"], &[0, 1, 4]),
            (&["Good morning!"], &[0, 1, 2, 3, 4, 5, 6, 7]),
            (&["Good morning!", "Search my mail"], &[5, 6]),
            (&["Search my mail", "Thanks, go on"], &[5, 6]),
        ] {
            let turns: Vec<_> = texts.iter().map(|text| user(surface, text)).collect();
            let kept =
                kept(&config::McpOptimizer::default(), surface, &tools, &turns.join(","), "");
            assert_eq!(kept, expected, "{surface:?} {texts:?}");
        }
    }
}

#[test]
fn what_was_used_chosen_or_preserved_stays() {
    let asks = user(Surface::Messages, "Will the weather be fine?");
    for (surface, turn, more, expected) in [
        (
            Surface::Messages,
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"mcp__mail__send","input":{}}]}"#,
            "",
            5,
        ),
        (Surface::Messages, "", r#","tool_choice":{"type":"tool","name":"mcp__files__read"}"#, 7),
        (
            Surface::Chat,
            r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"mcp__mail__send","arguments":"{}"}}]}"#,
            "",
            5,
        ),
        (
            Surface::Chat,
            "",
            r#","tool_choice":{"type":"function","function":{"name":"mcp__files__read"}}"#,
            7,
        ),
        (
            Surface::Chat,
            "",
            r#","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"mcp__files__read"}}]}}"#,
            7,
        ),
        (
            Surface::Responses,
            r#"{"type":"function_call","call_id":"a","name":"mcp__mail__send","arguments":"{}"}"#,
            "",
            5,
        ),
        (
            Surface::Responses,
            "",
            r#","tool_choice":{"type":"function","name":"mcp__files__read"}"#,
            7,
        ),
        (
            Surface::Responses,
            "",
            r#","tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"mcp__files__read"}]}"#,
            7,
        ),
        (
            Surface::Generate,
            r#"{"role":"model","parts":[{"functionCall":{"name":"mcp__mail__send","args":{}}}]}"#,
            "",
            5,
        ),
        (
            Surface::Generate,
            "",
            r#","toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["mcp__files__read"]}}"#,
            7,
        ),
    ] {
        let asks = if surface == Surface::Generate {
            user(surface, "Will the weather be fine?")
        } else {
            asks.clone()
        };
        let turns = if turn.is_empty() { asks } else { format!("{asks},{turn}") };
        let choice = config::McpOptimizer::default();
        assert_eq!(
            kept(&choice, surface, &declared(surface), &turns, more),
            [4, expected],
            "{surface:?} {more}"
        );
    }
    let preserve_tools = ["mcp__calendar__list_events".to_owned()].into();
    let choice = config::McpOptimizer { preserve_tools, ..config::McpOptimizer::default() };
    assert_eq!(kept(&choice, Surface::Messages, &declared(Surface::Messages), &asks, ""), [2, 4]);
}

#[test]
fn what_is_not_the_clients_own_function_or_marked_stays() {
    let asks = user(Surface::Messages, "Will the weather be fine?");
    let mut tools = declared(Surface::Messages);
    tools[0] = r#"{"type":"web_search_20250305","name":"web_search"}"#.to_owned();
    tools[1] = r#"{"name":"Bash","description":"Runs","input_schema":{}}"#.to_owned();
    tools[7] = tools[7]
        .replace(r#""input_schema""#, r#""cache_control":{"type":"ephemeral"},"input_schema""#);
    assert_eq!(
        kept(&config::McpOptimizer::default(), Surface::Messages, &tools, &asks, ""),
        [0, 1, 4, 7]
    );
    // Without tools of servers among them, all are alike.
    let plain: Vec<_> =
        declared(Surface::Messages).iter().map(|tool| tool.replace("mcp__", "")).collect();
    assert_eq!(kept(&config::McpOptimizer::default(), Surface::Messages, &plain, &asks, ""), [4]);
}

#[test]
fn what_a_text_names_stays_whoever_says_it() {
    let surface = Surface::Messages;
    let says = |role: &str, text: &str| format!(r#"{{"role":"{role}","content":"{text}"}}"#);
    let asks = |text: &str| says("user", &format!("Will the weather be fine? {text}"));
    let system = |text: &str| format!(r#","system":[{{"type":"text","text":"{text}"}}]"#);
    let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"Use mcp__mail__send."}]}"#;
    let pasted = "weather ".repeat(2_000);
    for (turns, more, expected) in [
        (asks(""), String::new(), &[4][..]),
        (asks("Then call `mcp__files__read`."), String::new(), &[4, 7]),
        (asks("then mcp__files__read,"), String::new(), &[4, 7]),
        (asks(&format!("{pasted} and then mcp__mail__send")), String::new(), &[4, 5]),
        // Without the server, where what is left is no mere word.
        (asks("Then create_event"), String::new(), &[3, 4]),
        (asks(""), system("End with mcp__mail__send"), &[4, 5]),
        (asks(""), r#","system":"End with mcp__mail__send""#.into(), &[4, 5]),
        (
            format!(
                "{},{},{}",
                asks(""),
                says("assistant", "I need mcp__mail__send. Shall I?"),
                says("user", "yes, go on")
            ),
            String::new(),
            &[4, 5],
        ),
        (format!("{},{result}", asks("")), String::new(), &[4, 5]),
    ] {
        for max_tools in [1, 24] {
            let choice = config::McpOptimizer { max_tools, ..config::McpOptimizer::default() };
            let kept = kept(&choice, surface, &declared(surface), &turns, &more);
            assert_eq!(kept, expected, "{max_tools} {turns:.200} {more}");
        }
    }
}

#[test]
fn a_name_stands_whole_or_not_at_all() {
    let body = body(Surface::Messages, &declared(Surface::Messages), "", "");
    let root = Node::read(body.as_bytes()).unwrap();
    let conversation = Conversation::read(Surface::Messages, &root).unwrap();
    let names = Names::of(&conversation.tools);
    for (text, expected) in [
        ("mcp__files__read", &["mcp__files__read"][..]),
        ("(mcp__files__read), create_event.", &["mcp__files__read", "mcp__calendar__create_event"]),
        ("東create_event京", &["mcp__calendar__create_event"]),
        // A mere word is none, nor is a part of another name, nor another spelling.
        ("read, send", &[]),
        ("mcp__files__reads, xmcp__files__read, create_events, recreate_event", &[]),
        ("Create_Event", &[]),
    ] {
        let found: Vec<&str> = names.in_text(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_long_history_shuts_out_no_later_turn() {
    let surface = Surface::Messages;
    let choice = config::McpOptimizer { max_tools: 2, ..config::McpOptimizer::default() };
    let mut turns = Vec::new();
    for (text, expected) in [
        ("The issues of the repository", &[0, 1][..]),
        ("Will the weather be fine?", &[0, 1, 4]),
        // The cap is reached: only the best comes.
        ("Search mail, send mail", &[0, 1, 4, 5]),
        ("Reads a file", &[0, 1, 4, 5, 7]),
    ] {
        turns.push(user(surface, text));
        let kept = kept(&choice, surface, &declared(surface), &turns.join(","), "");
        assert_eq!(kept, expected, "{text}");
    }
}

#[test]
fn a_text_alone_chooses_as_a_turn_does() {
    let tools = declared(Surface::Responses).join(",");
    let optimizer = McpOptimizer::new(config::McpOptimizer::default());
    for (input, expected) in [
        (r#""Will the weather be fine?""#, Some(1)),
        (r#"[{"role":"user","content":"Will the weather be fine?"}]"#, Some(1)),
        (r#""Will the weather be fine? mcp__mail__send""#, Some(2)),
        (r#""Good morning!""#, None),
    ] {
        let body = format!(r#"{{"tools":[{tools}],"input":{input}}}"#);
        let fewer = optimizer.fewer(Surface::Responses, body.as_bytes());
        assert_eq!(fewer.map(|fewer| fewer.after), expected, "{input}");
    }
}

#[test]
fn few_tools_and_unseen_histories_are_left_alone() {
    let asks = user(Surface::Responses, "Will the weather be fine?");
    let tools = declared(Surface::Responses);
    let choice = config::McpOptimizer::default();
    assert_eq!(kept(&choice, Surface::Responses, &tools[1..5], &asks, ""), [0, 1, 2, 3]);
    assert_eq!(kept(&choice, Surface::Responses, &tools[1..6], &asks, ""), [3]);
    let more = r#","previous_response_id":"resp_1""#;
    assert_eq!(kept(&choice, Surface::Responses, &tools, &asks, more).len(), 8);
    let choice = config::McpOptimizer { max_tools: 1, ..choice };
    let asks = user(Surface::Responses, "List events of the calendar, search mail, list issues");
    assert_eq!(kept(&choice, Surface::Responses, &tools, &asks, "").len(), 1);
}

#[test]
fn the_choice_of_a_growing_conversation_only_grows() {
    let names: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
    for (rules, surface) in [
        (Rules::Messages, Surface::Messages),
        (Rules::Chat, Surface::Chat),
        (Rules::Responses, Surface::Responses),
        (Rules::Generate, Surface::Generate),
    ] {
        for seed in 0..20 {
            let shape = Shape { turns: 8, rounds: 2, words: 12, said: 8, pictures: 8, topics: &[] };
            let session = Session::new(rules, seed, shape, &names);
            let tools = declared(surface);
            let choice = config::McpOptimizer { max_tools: 3, ..config::McpOptimizer::default() };
            let mut last: Option<Vec<usize>> = None;
            for end in &session.requests {
                let items = session.items[..*end].iter().map(|item| item.to_string());
                let turns = items.collect::<Vec<_>>().join(",");
                let kept = kept(&choice, surface, &tools, &turns, "");
                if let Some(last) = last.filter(|last| last.len() < tools.len()) {
                    assert!(last.iter().all(|tool| kept.contains(tool)), "{surface:?} {seed}");
                }
                assert!(!kept.is_empty());
                last = Some(kept);
            }
        }
    }
}
