//! Bodies with a mark in them, and the place where the mark stands.

use super::Place::{History, Mixed, Other, System, ToolResult, Tools, User};
use super::*;

struct Look<'o>(&'o Outline, Vec<Place>);

impl<'a> Visitor<'a> for Look<'_> {
    type Error = ();

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), ()> {
        if token.is("!") {
            self.1.push(self.0.place(path));
        }
        Ok(())
    }
}

#[track_caller]
fn check(surface: Surface, cases: &[(&str, &[Place])]) {
    for (body, expected) in cases {
        let body = body.replace("#u", r#"{"role":"user","content":"x"}"#);
        let body = body.replace("#a", r#"{"role":"assistant","content":"x"}"#);
        let outline = Outline::read(surface, body.as_bytes());
        let mut look = Look(&outline, Vec::new());
        json::walk(body.as_bytes(), &mut look).unwrap();
        assert_eq!(look.1, *expected, "{body}");
    }
}

#[test]
fn the_newest_user_turn_of_a_messages_request_is_told_from_everything_before() {
    check(
        Surface::Messages,
        &[
            (r#"{"messages":[{"role":"user","content":"!"}]}"#, &[User]),
            (r#"{"messages":[{"content":"!","role":"user"}]}"#, &[User]),
            (r#"{"messages":[{"role":"user","content":[{"type":"text","text":"!"}]}]}"#, &[User]),
            (r#"{"messages":[{"role":"user","content":"!"},#a,#u]}"#, &[History]),
            (r#"{"messages":[#u,{"role":"assistant","content":"!"}]}"#, &[History]),
            // Two messages of the user without an answer between them are one turn.
            (r#"{"messages":[{"role":"user","content":"!"},#u]}"#, &[User]),
            // A prefilled answer comes behind the newest turn.
            (r#"{"messages":[{"role":"user","content":"!"},#a]}"#, &[User]),
            // Tool results are no turn of the user's.
            (
                r#"{"messages":[{"role":"user","content":"!"},#a,{"role":"user","content":[
                  {"content":"!","type":"tool_result"}]}]}"#,
                &[User, ToolResult],
            ),
            (
                r#"{"messages":[{"role":"user","content":"!"},#a,{"role":"user","content":[
                  {"type":"tool_result","content":[{"type":"text","text":"!"}]},
                  {"type":"text","text":"!"}]}]}"#,
                &[History, ToolResult, User],
            ),
            (
                r#"{"messages":[#u,{"role":"assistant","content":[
                  {"type":"tool_use","input":{"a":"!"}},
                  {"type":"web_search_tool_result","content":[{"title":"!"}]}]}]}"#,
                &[History, ToolResult],
            ),
            (r#"{"system":"!","messages":[#u]}"#, &[System]),
            (r#"{"messages":[{"role":"system","content":"!"}]}"#, &[System]),
            (r#"{"tools":[{"description":"!"}],"metadata":{"user_id":"!"}}"#, &[Tools, Other]),
            (r#"{"model":"!","of_tomorrow":["!"]}"#, &[Other, Other]),
        ],
    );
}

#[test]
fn what_can_be_read_in_two_ways_is_mixed() {
    check(
        Surface::Messages,
        &[
            (r#"{"messages":[{"role":"user","role":"assistant","content":"!"}]}"#, &[Mixed]),
            (r#"{"messages":[{"role":"nobody","content":"!"}]}"#, &[Mixed]),
            (r#"{"messages":[{"content":"!"}]}"#, &[Mixed]),
            (r#"{"messages":[#u,#a,#u],"messages":[{"role":"user","content":"!"}]}"#, &[Mixed]),
            (
                r#"{"messages":[{"role":"user","content":[
                  {"type":"text","text":"!","type":"tool_result"}]}]}"#,
                &[Mixed],
            ),
            (
                r#"{"messages":[{"role":"user","content":[
                  {"type":"text","text":"!"}],"content":[{"type":"tool_result"}]}]}"#,
                &[Mixed],
            ),
        ],
    );
}

#[test]
fn each_conversation_of_a_batch_has_its_own_turns() {
    check(
        Surface::MessageBatch,
        &[(
            r#"{"requests":[{"custom_id":"!","params":{"messages":[{"role":"user","content":"!"}]}},
              {"params":{"system":"!","messages":[{"role":"user","content":"!"},#a,#u]}}]}"#,
            &[Other, User, System, History],
        )],
    );
}

#[test]
fn the_apis_of_openai_are_told_by_role_and_by_type() {
    check(
        Surface::Chat,
        &[
            (
                r#"{"messages":[{"role":"system","content":"!"},{"role":"developer","content":"!"},
                  {"role":"user","content":"!"},#a,{"role":"user","content":[{"text":"!"}]}]}"#,
                &[System, System, History, User],
            ),
            (
                r#"{"messages":[{"role":"user","content":"!"},
                  {"role":"assistant","tool_calls":[{"function":{"arguments":"!"}}]},
                  {"role":"tool","content":"!"}]}"#,
                &[User, History, ToolResult],
            ),
            (r#"{"tools":[{"function":{"name":"!"}}],"user":"!"}"#, &[Tools, Other]),
        ],
    );
    check(
        Surface::Responses,
        &[
            (r#"{"instructions":"!","input":"!"}"#, &[System, User]),
            (
                r#"{"input":[{"role":"user","content":"!"},
                  {"type":"function_call","arguments":"!"},
                  {"output":"!","type":"function_call_output"},
                  {"type":"mcp_call","arguments":"!","output":"!"},
                  {"type":"message","role":"assistant","content":[{"text":"!"}]}]}"#,
                &[User, History, ToolResult, History, ToolResult, History],
            ),
            (r#"{"input":[{"type":"of_tomorrow","text":"!"}]}"#, &[Mixed]),
            (r#"{"tools":[{"description":"!"}]}"#, &[Tools]),
        ],
    );
    check(Surface::Completions, &[(r#"{"prompt":["!"],"user":"!"}"#, &[User, Other])]);
    check(Surface::Inputs, &[(r#"{"input":"!"}"#, &[User])]);
}

#[test]
fn googles_contents_are_told_by_role_and_part() {
    check(
        Surface::Generate,
        &[
            (r#"{"contents":[{"parts":[{"text":"!"}]}]}"#, &[User]),
            (r#"{"contents":{"parts":[{"text":"!"}]}}"#, &[User]),
            (
                r#"{"systemInstruction":{"parts":[{"text":"!"}]},"contents":[
                  {"role":"user","parts":[{"text":"!"}]},
                  {"role":"model","parts":[{"functionCall":{"args":{"a":"!"}}}]},
                  {"role":"user","parts":[{"functionResponse":{"response":{"a":"!"}}}]}]}"#,
                &[System, User, History, ToolResult],
            ),
            (
                r#"{"generateContentRequest":{"contents":[{"role":"user","parts":[{"text":"!"}]},
                  {"role":"model","parts":[]},{"role":"user","parts":[{"text":"!"}]}]}}"#,
                &[History, User],
            ),
            (r#"{"requests":[{"content":{"parts":[{"text":"!"}]}}]}"#, &[User]),
        ],
    );
}
