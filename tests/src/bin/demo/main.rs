//! The whole promise in one screen: what goes out, what comes back, and what cannot get out.
//!
//! Needs root, no key and no internet: everything happens in network namespaces of its own.
#![expect(clippy::print_stdout, reason = "a program that shows something")]

mod screen;

use std::process::ExitCode;

use anyhow::{Context, Result};
use prxy_tests::attack::{self, Confinement, Technique, Verdict, allowed};
use prxy_tests::capture::{is_probe, only};
use prxy_tests::provider::wire::last_user_text;
use prxy_tests::provider::{Delta, Format, Script, Split};
use prxy_tests::reader;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::Scene;

use crate::screen::{Screen, Tone};

/// What a user might write; the values that must not leave stand in `PRIVATE`.
const TICKET: &[&str] = &[
    "Hi, this is Jane Doe from Acme. I cannot log in since yesterday.",
    "My address is jane.doe@acme-mail.com, my phone +1 415-555-2671.",
    "I think I pasted my SSN 536-22-1849 into the wrong field,",
    "and the card 4111 1111 1111 1111 was charged twice.",
    "Please refund to DE89 3704 0044 0532 0130 00.",
    "The last login came from 81.2.69.142, that was not me.",
    "Answer to jane.doe@acme-mail.com, please, before 2026-12-01.",
];
const PRIVATE: &[&str] = &[
    "jane.doe@acme-mail.com",
    "+1 415-555-2671",
    "536-22-1849",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "81.2.69.142",
];
const ATTEMPTS: &[&str] = &[
    "tcp4",
    "tcp-mapped",
    "tcp-other-port",
    "udp-provider",
    "dns-udp",
    "icmp",
    "srh-tcp",
    "raw-ip",
    "packet",
    "listen",
    "leave-cgroup",
    "io-uring",
];

fn main() -> ExitCode {
    if let Some(result) = attack::serve_as_helper() {
        return finish(result);
    }
    finish(run())
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let screen = Screen::new();
    screen.title("prxy demo: the real daemon between mock providers, a nameserver and an attacker");
    let mut scene = Scene::start().context("cannot set the stage (root, ip, tcpdump and prxy?)")?;
    let mut broken = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            broken.push(what.to_owned());
        }
    };

    let split = Split { delta: Delta::Bytes(3), ..Split::default() };
    scene.anthropic.script(Script::echo(split.clone()));
    scene.openai.script(Script::echo(split));
    let text = TICKET.join("\n");
    for format in [Format::Anthropic, Format::OpenAi] {
        let answer = scene.ask(format, &text, Delivery::Streamed)?;
        let seen = scene.provider(format).last()?;
        let received = last_user_text(&seen.json()?);
        let back = reader::stream(format, &answer.body)?.text;
        check(!PRIVATE.iter().any(|v| seen.contains(v)), "a private value reached the provider");
        check(received.contains("<EMAIL_1>"), "the provider saw no placeholder");
        check(back == text, "the user did not get the own words back");
        if format == Format::Anthropic {
            screen.title("1  A support ticket, through POST /v1/messages, streamed");
            let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
            screen.columns(
                ["the user wrote", "the provider received", "the user got back"],
                [lines(&text), lines(&received), lines(&back)],
            );
        }
    }
    screen.note(
        "The answer came in deltas of three bytes, so every placeholder was split over events.",
    );
    screen.note("The same through POST /v1/chat/completions: same placeholders, same words back.");

    let roles = [scene.daemon()?.role("gateway")?, scene.daemon()?.role("netgate")?];
    let techniques: Vec<&Technique> =
        ATTEMPTS.iter().filter_map(|n| attack::technique::by_name(n)).collect();
    let controls = attack::controls(&techniques)?;
    let from = [Confinement::of(&roles[0])?, Confinement::of(&roles[1])?];
    let mut rows = Vec::new();
    for (technique, control) in techniques.iter().zip(controls) {
        let verdicts =
            [scene.range.attempt(technique, &from[0])?, scene.range.attempt(technique, &from[1])?];
        check(matches!(control, Verdict::GotThrough(_)), "a control did not get through");
        check(verdicts.iter().all(|v| matches!(v, Verdict::Blocked(_))), technique.name);
        let [gateway, netgate] = verdicts.map(|v| cell(&v, Tone::Bad));
        rows.push(vec![
            (technique.what.to_owned(), Tone::Plain),
            cell(&control, Tone::Plain),
            gateway,
            netgate,
        ]);
    }
    check(scene.range.attacker.caught().is_empty(), "the attacker caught something");
    check(rows.len() >= 10, "fewer than ten attempts");
    scene.stop()?;

    screen.title("2  What tcpdump saw leave, by destination");
    let packets = scene.range.capture.all(&scene.range.lab)?;
    let judged = only(&packets, &allowed());
    let names = [
        ("10.77.0.1:443 tcp", "api.anthropic.com"),
        ("10.77.0.3:443 tcp", "api.openai.com"),
        ("10.77.0.53:53 udp", "nameserver"),
    ];
    let mut wire = Vec::new();
    for (destination, tally) in &judged.destinations {
        let name = match names.iter().find(|n| n.0 == destination) {
            Some(known) => known.1,
            None if destination.starts_with("kernel: ") => "answering, no data",
            None => "unexpected",
        };
        let tone = if name == "unexpected" { Tone::Bad } else { Tone::Plain };
        wire.push(vec![
            (destination.clone(), tone),
            (name.to_owned(), tone),
            (tally.packets.to_string(), Tone::Number),
            (tally.bytes.to_string(), Tone::Number),
        ]);
    }
    screen.table(&["destination", "who", "packets", "bytes"], &[34, 24, 10, 10], &wire);
    check(judged.holds(), "a packet went elsewhere");
    check(!judged.noise.iter().any(is_probe), "a role made the kernel look for neighbours");
    let leaked = PRIVATE.iter().any(|v| packets.iter().any(|p| p.contains(v.as_bytes())));
    check(!leaked, "a private value was on the wire in clear");

    screen.title("3  Escape attempts with enforcement off and on, from inside two roles");
    screen.table(
        &["attempt", "off", "on, from the gateway", "on, from the netgate"],
        &[36, 10, 32, 32],
        &rows,
    );
    println!();
    if broken.is_empty() {
        screen.verdict("demo: ok", Tone::Good);
        return Ok(());
    }
    broken.sort();
    broken.dedup();
    screen.verdict(&format!("demo: FAILED: {}", broken.join("; ")), Tone::Bad);
    anyhow::bail!("not everything held")
}

fn cell(verdict: &Verdict, through: Tone) -> (String, Tone) {
    match verdict {
        Verdict::GotThrough(_) => ("got out".into(), through),
        Verdict::Blocked(why) => {
            let why = why.replace("dropped on its way out", "dropped");
            (format!("blocked, {why}"), Tone::Good)
        }
        Verdict::Unavailable(_) => ("n/a".into(), Tone::Plain),
    }
}
