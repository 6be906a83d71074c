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
