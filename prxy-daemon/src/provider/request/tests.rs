//! The table of positions, row by row.

use super::*;
use crate::json::{self, StringToken};

/// Notes the position of the string `"!"`, as a value or as a key.
struct Look(Surface, Option<Position>);

impl<'a> json::Visitor<'a> for Look {
    type Error = ();

    fn string(&mut self, path: &Path<'a>, token: StringToken<'a>) -> Result<(), ()> {
        if token.is("!") {
            self.1 = Some(position(self.0, path, token.is_key));
        }
        Ok(())
    }
}

#[track_caller]
fn check(surface: Surface, body: &str, wanted: Position) {
    let mut look = Look(surface, None);
    json::walk(body.as_bytes(), &mut look).unwrap();
    assert_eq!(look.1, Some(wanted), "{body}");
}

#[test]
fn every_place_of_a_messages_request_has_its_position() {
    let cases: &[(&str, Position)] = &[
        (r#"{"system":"!"}"#, Text),
        (r#"{"system":[{"text":"!","type":"text"}]}"#, Text),
        (r#"{"system":[{"cache_control":{"type":"!"}}]}"#, Structural),
        (r#"{"messages":[{"content":"!"}]}"#, Text),
        (r#"{"messages":[{"role":"!"}]}"#, Structural),
        (r#"{"m\u0065ssages":[{"content":[{"text":"!"}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"type":"!"}]}]}"#, Structural),
        (r#"{"messages":[{"content":[{"thinking":"!","type":"thinking"}]}]}"#, Exact),
        (r#"{"messages":[{"content":[{"signature":"!"}]}]}"#, Exact),
        (r#"{"messages":[{"content":[{"data":"!"}]}]}"#, Exact),
        (r#"{"messages":[{"content":[{"input":{"a":["!"]}}]}]}"#, FreeForm),
        (r#"{"messages":[{"content":[{"input":{"!":1}}]}]}"#, FreeForm),
        (r#"{"messages":[{"content":[{"input":{"signature":"!"}}]}]}"#, FreeForm),
        (r#"{"messages":[{"content":[{"id":"!"}]}]}"#, Structural),
        (r#"{"messages":[{"content":[{"tool_use_id":"!"}]}]}"#, Structural),
        (r#"{"messages":[{"content":[{"content":"!"}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"content":[{"text":"!"}]}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"content":[{"source":{"data":"!"}}]}]}]}"#, Data),
        (r#"{"messages":[{"content":[{"content":[{"encrypted_content":"!"}]}]}]}"#, Exact),
        (r#"{"messages":[{"content":[{"content":{"stdout":"!"}}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"source":{"data":"!"}}]}]}"#, Data),
        (r#"{"messages":[{"content":[{"source":{"content":[{"text":"!"}]}}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"source":{"url":"!"}}]}]}"#, Structural),
        (r#"{"messages":[{"content":[{"source":{"media_type":"!"}}]}]}"#, Structural),
        (r#"{"messages":[{"content":[{"title":"!"}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"citations":[{"cited_text":"!"}]}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"citations":[{"encrypted_index":"!"}]}]}]}"#, Exact),
        (r#"{"messages":[{"content":[{"of_tomorrow":"!"}]}]}"#, Unknown),
        (r#"{"messages":[{"content":[{"of_tomorrow":{"!":1}}]}]}"#, Unknown),
        (r#"{"messages":[{"content":[{"!":"x"}]}]}"#, Structural),
        (r#"{"tools":[{"name":"!"}]}"#, Structural),
        (r#"{"tools":[{"description":"!"}]}"#, Text),
        (r#"{"tools":[{"input_schema":{"description":"!"}}]}"#, Text),
        (r#"{"tools":[{"input_schema":{"properties":{"a":{"description":"!"}}}}]}"#, Text),
        (r#"{"tools":[{"input_schema":{"properties":{"type":{"default":"!"}}}}]}"#, FreeForm),
        (r#"{"tools":[{"input_schema":{"properties":{"a":{"enum":["!"]}}}}]}"#, FreeForm),
        (
            r#"{"tools":[{"input_schema":{"properties":{"a":{"items":{"examples":[{"!":1}]}}}}}]}"#,
            FreeForm,
        ),
        (r#"{"tools":[{"input_schema":{"properties":{"!":{}}}}]}"#, Unknown),
        (r#"{"tools":[{"input_schema":{"properties":{"a":{"type":"!"}}}}]}"#, Structural),
        (r#"{"tools":[{"input_schema":{"required":["!"]}}]}"#, Structural),
        (r#"{"tools":[{"input_examples":[{"a":"!"}]}]}"#, FreeForm),
        (r#"{"tool_choice":{"name":"!"}}"#, Structural),
        (r#"{"metadata":{"user_id":"!"}}"#, FreeForm),
        (r#"{"stop_sequences":["!"]}"#, Text),
        (r#"{"output_config":{"format":{"schema":{"description":"!"}}}}"#, Text),
        (r#"{"model":"!"}"#, Structural),
        (r#"{"of_tomorrow":"!"}"#, Unknown),
        (r#"{"!":1}"#, Unknown),
    ];
    for (body, wanted) in cases {
        check(Surface::Messages, body, *wanted);
    }
}

#[test]
fn every_place_of_a_chat_completion_request_has_its_position() {
    let cases: &[(&str, Position)] = &[
        (r#"{"messages":[{"content":"!"}]}"#, Text),
        (r#"{"messages":[{"content":[{"text":"!"}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"refusal":"!"}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"image_url":{"url":"!"}}]}]}"#, Data),
        (r#"{"messages":[{"content":[{"input_audio":{"data":"!"}}]}]}"#, Data),
        (r#"{"messages":[{"content":[{"file":{"filename":"!"}}]}]}"#, Text),
        (r#"{"messages":[{"content":[{"file":{"file_data":"!"}}]}]}"#, Data),
        (r#"{"messages":[{"content":[{"type":"!"}]}]}"#, Structural),
        (r#"{"messages":[{"name":"!"}]}"#, Structural),
        (r#"{"messages":[{"tool_call_id":"!"}]}"#, Structural),
        (r#"{"messages":[{"tool_calls":[{"id":"!"}]}]}"#, Structural),
        (r#"{"messages":[{"tool_calls":[{"function":{"name":"!"}}]}]}"#, Structural),
        (r#"{"messages":[{"tool_calls":[{"function":{"arguments":"!"}}]}]}"#, JsonText),
        (r#"{"messages":[{"tool_calls":[{"function":{"arguments":{"a":"!"}}}]}]}"#, FreeForm),
        (r#"{"messages":[{"tool_calls":[{"custom":{"input":"!"}}]}]}"#, Text),
        (r#"{"messages":[{"function_call":{"arguments":"!"}}]}"#, JsonText),
        (r#"{"messages":[{"function_call":{"name":"!"}}]}"#, Structural),
        (r#"{"messages":[{"reasoning_content":"!"}]}"#, Text),
        (r#"{"messages":[{"of_tomorrow":"!"}]}"#, Unknown),
        (r#"{"tools":[{"function":{"name":"!"}}]}"#, Structural),
        (r#"{"tools":[{"function":{"description":"!"}}]}"#, Text),
        (
            r#"{"tools":[{"function":{"parameters":{"properties":{"a":{"default":"!"}}}}}]}"#,
            FreeForm,
        ),
        (r#"{"functions":[{"description":"!"}]}"#, Text),
        (r#"{"functions":[{"parameters":{"title":"!"}}]}"#, Text),
        (r#"{"function_call":{"name":"!"}}"#, Structural),
        (
            r#"{"response_format":{"json_schema":{"schema":{"properties":{"a":{"const":"!"}}}}}}"#,
            FreeForm,
        ),
        (r#"{"response_format":{"json_schema":{"name":"!"}}}"#, Structural),
        (r#"{"prediction":{"content":"!"}}"#, Text),
        (r#"{"stop":"!"}"#, Text),
        (r#"{"user":"!"}"#, Text),
        (r#"{"metadata":{"!":"x"}}"#, FreeForm),
        (r#"{"logit_bias":{"!":1}}"#, Unknown),
        (r#"{"model":"!"}"#, Structural),
    ];
    for (body, wanted) in cases {
        check(Surface::Chat, body, *wanted);
    }
}
