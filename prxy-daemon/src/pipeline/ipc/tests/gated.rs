//! What is added gets past the broker's look, whatever the sentences say side by side.

use serde_json::{Value, json};

use super::*;
use crate::json;
use crate::redact::Policy;

const FILLER: &str = "Plain filler words without any meaning at all here. ";

fn request(surface: Surface, turns: &[(&str, &str)]) -> Vec<u8> {
    let part = |(role, text): &(&str, &str)| match surface {
        Surface::Generate => {
            json!({"role": role.replace("assistant", "model"), "parts": [{"text": text}]})
        }
        _ => json!({"role": role, "content": text}),
    };
    let turns: Vec<Value> = turns.iter().map(part).collect();
    let body = match surface {
        Surface::Generate => {
            json!({"contents": turns, "generationConfig": {"maxOutputTokens": 100}})
        }
        Surface::Responses => json!({"model": "lab", "max_output_tokens": 100, "input": turns}),
        _ => json!({"model": "lab", "max_tokens": 100, "messages": turns}),
    };
    body.to_string().into_bytes()
}

/// The request without the broker's judgement, and with it: what it says, and whether it may be sent.
#[track_caller]
fn both(surface: Surface, turns: &[(&str, &str)]) -> [(String, bool); 2] {
    let maskers = Arc::new(Maskers::new(&Policy::default(), ["lab"]).unwrap());
    let masker = maskers.of("lab", None);
    let sendable = |body: &[u8]| json::walk(body, &mut masker.checker(surface, body)).is_ok();
    let body = request(surface, turns);
    assert!(sendable(&body), "as it came");
    [None, Some(Gate { masker, surface, whose: "lab" })].map(|gate| {
        let (ipc, _) = ipc(5_000, 400);
        // Twice, so that what is remembered counts as well.
        ipc.shortened(surface, Some("lab"), &body, gate);
        match ipc.shortened(surface, Some("lab"), &body, gate) {
            Outcome::Cut { body, .. } => {
                let sendable = sendable(&body);
                (String::from_utf8(body).unwrap(), sendable)
            }
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn sentences_that_are_harmless_alone_and_a_value_together_do_not_meet_in_the_digest() {
    let filler = FILLER.repeat(60);
    let pairs = [
        ("We decided to sort by MRN:", "00482913 must be the smallest."),
        ("We decided to ask for the passport number:", "123456789 must not be empty."),
        ("We decided to use date of birth:", "1970-02-03 must be a date."),
    ];
    for (_, surface) in ALL {
        for (first, second) in pairs {
            let mut turns = vec![
                ("user", "Write the report."),
                ("assistant", first),
                ("user", second),
                ("assistant", "We decided to keep the chart blue."),
            ];
            turns.extend([("user", &*filler), ("assistant", &*filler)].repeat(6));
            turns.push(("user", "Go on."));
            let [(careless, refused), (digest, sent)] = both(surface, &turns);
            assert!(careless.contains(first) && careless.contains(second) && !refused, "{second}");
            assert!(digest.contains(first) && digest.contains("chart blue"), "{digest}");
            assert!(!digest.contains(second) && sent, "{digest}");
        }
    }
}

#[test]
fn a_task_that_makes_a_value_of_the_digest_stays_without_it() {
    let filler = FILLER.repeat(60);
    // Nothing of ours begins like a value, so that this one is the user's own rule.
    let rule = regex::Regex::new("(?s)Report.*<earlier-conversation").unwrap();
    for (_, surface) in ALL {
        let policy = Policy {
            patterns: vec![(crate::redact::Label::new("OURS").unwrap(), rule.clone())],
            ..Policy::default()
        };
        let maskers = Maskers::new(&policy, ["lab"]).unwrap();
        let masker = maskers.of("lab", None);
        let mut turns = vec![("user", "Report."), ("assistant", "We decided it.")];
        turns.extend([("user", &*filler), ("assistant", &*filler)].repeat(6));
        turns.push(("user", "Go on."));
        let (ipc, _) = ipc(5_000, 400);
        let gate = Gate { masker, surface, whose: "lab" };
        let body = request(surface, &turns);
        let Outcome::Cut { body, .. } = ipc.shortened(surface, Some("lab"), &body, Some(gate))
        else {
            panic!("{surface:?}")
        };
        assert!(json::walk(&body, &mut masker.checker(surface, &body)).is_ok());
        // Blocks of one message are looked at apart: there the digest may stay.
        let has = String::from_utf8(body).unwrap().contains("earlier-conversation");
        assert_eq!(has, surface == Surface::Generate);
    }
}

#[test]
fn lines_that_become_a_value_do_not_come_back() {
    let filler = FILLER.repeat(60);
    let lines = "Some words about nothing of the kind.\n".repeat(30);
    let long = format!(
        "The invoice exporter sorts by MRN:\n{lines}00482913 is the exporter of an invoice."
    );
    for (_, surface) in ALL {
        let mut turns = vec![
            ("user", "Build it."),
            ("assistant", &*long),
            ("user", "Fine."),
            ("assistant", "The invoice exporter is blue."),
        ];
        turns.extend([("user", &*filler), ("assistant", &*filler)].repeat(6));
        turns.push(("user", "How does the invoice exporter look?"));
        let [(careless, refused), (recalled, sent)] = both(surface, &turns);
        let behind = |body: &str| body.split_once("recalled-from-earlier").unwrap().1.to_owned();
        let (careless, recalled) = (behind(&careless), behind(&recalled));
        assert!(careless.contains("00482913") && !refused, "{careless}");
        assert!(!recalled.contains("00482913") && sent, "{recalled}");
        assert!(recalled.contains("assistant: The invoice exporter is blue."), "{recalled}");
    }
}
