//! Values that a second look missed once: behind wrong JSON, in numbers, away from the word that names them.

use super::*;

#[test]
fn arguments_that_are_cut_off_or_wrong_hide_nothing_behind_escapes() {
    for (arguments, wanted) in [
        (r#"{\"to\":\"m\\u0061ria\\u0040corp.com"#, r#"{\"to\":\"<EMAIL_1>"#),
        (r#"{\"to\":\"maria\\u0040corp.com\\u00"#, r#"{\"to\":\"<EMAIL_1>\\u00"#),
        (r#"{\"a\":1}{\"to\":\"maria\\u0040corp.com\"}"#, r#"{\"a\":1}{\"to\":\"<EMAIL_1>\"}"#),
        (
            r#"{\"a\":\"x\ny\",\"to\":\"maria\\u0040corp.com\"}"#,
            r#"{\"a\":\"x\ny\",\"to\":\"<EMAIL_1>\"}"#,
        ),
    ] {
        let call = |arguments: &str| {
            format!(
                r#"{{"messages":[{{"tool_calls":[{{"function":{{"arguments":"{arguments}"}}}}]}}]}}"#
            )
        };
        check_masked(&masker(), Surface::Chat, &call(arguments), &call(wanted));
    }
    let key = concat!(r"\\u0073k-proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    let body = format!(
        r#"{{"messages":[{{"tool_calls":[{{"function":{{"arguments":"{{\"k\":\"{key}"}}}}]}}]}}"#
    );
    check_refused(
        &masker(),
        Surface::Chat,
        &body,
        "blocked-label",
        "API_KEY at $.messages[0].tool_calls[0].function.arguments is blocked by policy",
    );
}

#[test]
fn short_numbers_count_where_their_field_says_what_they_are() {
    let call = |input: &str| {
        format!(r#"{{"messages":[{{"content":[{{"type":"tool_use","input":{input}}}]}}]}}"#)
    };
    check_masked(
        &masker(),
        Surface::Messages,
        &call(r#"{"phone":4155550132,"ssn":536228141,"order":4155550199,"hotel_id":4155550188}"#),
        &call(
            r#"{"phone":"<PHONE_1>","ssn":"<NATIONAL_ID_1>","order":4155550199,"hotel_id":4155550188}"#,
        ),
    );
    check_masked(
        &masker(),
        Surface::Messages,
        &call(r#"{"phones":["4155550132"]}"#),
        &call(r#"{"phones":["<PHONE_1>"]}"#),
    );
    let check = masker().check(call(r#"{"phone":4155550132}"#).as_bytes()).unwrap_err();
    assert_eq!(check.reason(), "unmasked-label");
}

#[test]
fn what_one_place_names_is_masked_in_all_places() {
    check_masked(
        &masker(),
        Surface::Messages,
        concat!(
            r#"{"system":"4155550132 again","messages":["#,
            r#"{"role":"user","content":"phone: 4155550132. What she ordered is 4155550199"},"#,
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"4155550132"},"#,
            r#"{"type":"text","text":"I called 4155550132 (not 41555501320)."},"#,
            r#"{"type":"tool_use","id":"4155550132","input":{"n":4155550132,"4155550132":1}}]}]}"#
        ),
        concat!(
            r#"{"system":"<PHONE_1> again","messages":["#,
            r#"{"role":"user","content":"phone: <PHONE_1>. What she ordered is 4155550199"},"#,
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"4155550132"},"#,
            r#"{"type":"text","text":"I called <PHONE_1> (not 41555501320)."},"#,
            r#"{"type":"tool_use","id":"4155550132","input":{"n":"<PHONE_1>","<PHONE_1>":1}}]}]}"#
        ),
    );
}

#[test]
fn two_spellings_of_the_at_sign_leave_every_other_byte_alone() {
    check_masked(
        &masker(),
        Surface::Messages,
        r#"{"system":"caf\u00e9 \ud800 maria@corp.com\/ https://x/?u=bob%40corp.com"}"#,
        r#"{"system":"caf\u00e9 \ud800 <EMAIL_1>\/ https://x/?u=<EMAIL_2>"}"#,
    );
}

#[test]
fn the_source_of_a_search_result_is_text() {
    let body = |source: &str| {
        format!(
            r#"{{"messages":[{{"content":[{{"type":"search_result","source":"{source}"}}]}}]}}"#
        )
    };
    check_masked(
        &masker(),
        Surface::Messages,
        &body("https://x/?u=maria@corp.com"),
        &body("https://x/?u=<EMAIL_1>"),
    );
}

#[test]
fn a_field_tells_whatever_the_spelling_of_its_name_and_the_length_of_its_value() {
    let body = |input: &str| {
        format!(r#"{{"messages":[{{"content":[{{"type":"tool_use","input":{input}}}]}}]}}"#)
    };
    let long = "x".repeat(400);
    let name = "customer_phone_number_of_the_person_that_called_us_yesterday_about_the_order";
    for (input, wanted) in [
        (r#"{"\u0070hone":"4155550132"}"#.to_owned(), r#"{"\u0070hone":"<PHONE_1>"}"#.to_owned()),
        (r#"{"s\u0073n":"536229874"}"#.into(), r#"{"s\u0073n":"<NATIONAL_ID_1>"}"#.into()),
        (
            format!(r#"{{"phone":"4155550132 please {long}"}}"#),
            format!(r#"{{"phone":"<PHONE_1> please {long}"}}"#),
        ),
        (format!(r#"{{"{name}":"4155550132"}}"#), format!(r#"{{"{name}":"<PHONE_1>"}}"#)),
        (r#"{"phone":4.155550132e9}"#.into(), r#"{"phone":"<PHONE_1>"}"#.into()),
        (r#"{"n":4111111111111111e0}"#.into(), r#"{"n":"<CREDIT_CARD_1>"}"#.into()),
    ] {
        check_masked(&masker(), Surface::Messages, &body(&input), &body(&wanted));
    }
    let body = r#"{"model":"<EMAIL_4111111111111111>"}"#;
    check_refused(
        &masker(),
        Surface::Messages,
        body,
        "unsafe-position",
        "CREDIT_CARD at $.model cannot be masked there",
    );
}
