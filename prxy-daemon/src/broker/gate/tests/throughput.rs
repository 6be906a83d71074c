//! How fast: printed, never asserted. `cargo test -p prxy-daemon --lib -- --ignored gate_throughput --nocapture`

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::*;

#[test]
#[ignore = "prints figures"]
fn gate_throughput() {
    let prose =
        "the customer asked for a refund because the order arrived late and \"we\" should answer. ";
    let code = r#"    println!("{name}:\t{}\n", path.replace("C:\\dir", "x")); // \d{3}
"#;
    let row = r#"{"id": 48213, "name": "Widget", "price": 12.50, "tags": ["a", "b"], "ok": true}"#;
    let tool = serde_json::json!({"name": "Read", "description": prose.repeat(4), "input_schema": {
        "type": "object", "properties": {"file_path": {"type": "string", "description": prose},
        "offset": {"type": "number", "description": prose}, "url": {"type": "string"}},
        "required": ["file_path"], "additionalProperties": false}});
    let messages = |n: usize, text: &dyn Fn(usize) -> String| {
        serde_json::json!({"model": "m", "messages": (0..n).map(|i|
            serde_json::json!({"role": "user", "content": text(i)})).collect::<Vec<_>>()})
        .to_string()
    };
    for (name, body) in [
        ("one text", messages(1, &|_| prose.repeat(100_000 / prose.len()))),
        ("1000 texts", messages(1000, &|_| prose.to_owned())),
        ("code", messages(1, &|_| code.repeat(100_000 / code.len()))),
        ("json in text", messages(1, &|_| format!("[{}]", vec![row; 1000].join(",")))),
        (
            "json in json",
            messages(1, &|_| {
                serde_json::to_string(&format!("[{}]", vec![row; 1000].join(","))).unwrap()
            }),
        ),
        ("tools", serde_json::json!({"model": "m", "tools": vec![tool; 100]}).to_string()),
        ("rows", format!("{{\"rows\":[{}]}}", vec![row; 1000].join(","))),
    ] {
        let gates = (0..20).map(|_| gate(routes(), Some(&Policy::default()))).collect::<Vec<_>>();
        let best = |run: &dyn Fn(&Gate)| {
            let timed = |gate| {
                let start = Instant::now();
                run(gate);
                start.elapsed()
            };
            gates.iter().map(timed).min().unwrap_or(Duration::MAX)
        };
        let bare = gate(routes(), None);
        let check = |gate: &Gate| {
            body::check(
                &gate.routes[0],
                Surface::Messages,
                gate.maskers.as_ref().map(|maskers| maskers.of("anthropic", None)),
                black_box(body.as_bytes()),
            )
            .unwrap()
        };
        let (fresh, resent) = (best(&check), best(&check));
        let fetch = (0..20)
            .map(|_| {
                let start = Instant::now();
                check(&bare);
                start.elapsed()
            })
            .min()
            .unwrap();
        println!(
            "{name:>14}: {} bytes, fresh {fresh:?}, resent {resent:?}, without guardrails {fetch:?}",
            body.len()
        );
    }
}
