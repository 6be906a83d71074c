//! One capture runs while everything happens to a service that can: in the end there is not one
//! packet outside the policy in it, and each time the service came back by itself.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prxy_tests::attack::{self, Confinement, Verdict, allowed};
use prxy_tests::capture::only;
use prxy_tests::clock::{self, Clock};
use prxy_tests::dns::Record;
use prxy_tests::http::Wire;
use prxy_tests::lab::{ATTACKER, PROVIDER_A, PROVIDER_B};
use prxy_tests::policy;
use prxy_tests::provider::{Delta, Format, Script, Split};
use prxy_tests::random::Random;
use prxy_tests::reader;
use prxy_tests::samples::{self, Delivery, TICKET};
use prxy_tests::scene::{ANTHROPIC, OPENAI, Setting};
use prxy_tests::systemd::{ADDRESS, Service, UNIT};
use prxy_tests::traffic::Traffic;
use prxy_tests::{eventually, sys};
use serde_json::Value;
use tokio::net::TcpStream;

type Episode = (&'static str, fn(&Service));

/// In their order; each leaves the service to come back by itself.
const EPISODES: &[Episode] = &[
    ("each process is killed in turn", each_is_killed),
    ("some process is killed at any moment", random_kills),
    ("hundreds of connections when the gateway is killed", killed_with_hundreds_of_connections),
    ("restarted", restarted),
    ("upgraded in place", upgraded),
    ("reloaded", reloaded),
    ("stopped in the middle of a stream", stopped_mid_stream),
    ("started twice", started_twice),
    ("systemd itself starts anew", systemd_starts_anew),
    ("pins removed", pins_removed),
    ("a link detached", link_detached),
    ("groups killed and removed", groups_removed),
    ("no room for the audit log", audit_disk_full),
    ("nameserver silent, forged, lying", nameserver_fails),
    ("the clock on the wall jumps", clock_jumps),
    ("the kernel has more to say than the warden hears", ring_buffer_full),
    ("the warden hangs", warden_hangs),
    ("the gateway hangs", gateway_hangs),
];

#[test]
fn not_one_packet_is_outside_the_policy_whatever_happens_to_the_service() {
    let life = Service::install().unwrap();
    let config = life.config(&Setting::default());
    life.configure(&config.replace("dns:", LIAR)).unwrap();
    // Here it is crashed more often than the limit of starts permits.
    life.drop_in("test", "[Unit]\nStartLimitBurst=200\n[Service]\nWatchdogSec=3").unwrap();
    life.systemd.systemctl(&["start", UNIT]).unwrap();
    for provider in [&life.scene.anthropic, &life.scene.openai] {
        provider.script(paced(3));
    }
    let traffic = Traffic::start(life.scene.app(), ADDRESS, 6);
    for (name, episode) in EPISODES {
        let began = Instant::now();
        episode(&life);
        let answered = life.answers();
        let took = answered.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let seconds = began.elapsed();
        println!("{seconds:6.1?} {name}: answers after {took:.2?}");
        assert_eq!(life.scene.range.attacker.caught(), [], "{name}");
    }
    let tally = traffic.tally();
    println!("{tally:#?}");
    drop(traffic);
    assert_eq!(tally.wrong, Vec::<String>::new());
    assert!(tally.answered > 200 && tally.hung == 0, "{tally:?}");
    life.systemd.systemctl(&["stop", UNIT]).unwrap();

    let range = &life.scene.range;
    let packets = range.capture.all(&range.lab).unwrap();
    let judged = only(&packets, &allowed());
    assert!(judged.holds(), "{judged}");
    assert!(packets.len() > 5000, "{}", packets.len());
    for (label, value) in samples::PERSONAL {
        assert!(!packets.iter().any(|p| p.contains(value.as_bytes())), "{label} on the wire");
    }
    // The same capture sees a packet of somebody who is held by nothing.
    let technique = attack::technique::by_name("udp4").unwrap();
    let verdict = range.attempt(technique, &Confinement::none(range.lab.app.fd())).unwrap();
    assert!(matches!(verdict, Verdict::GotThrough(_)), "{verdict:?}");
    assert!(!only(&range.capture.all(&range.lab).unwrap(), &allowed()).holds());
}

fn each_is_killed(life: &Service) {
    for name in ["resolver", "netgate", "broker", "gateway", "warden"] {
        let before = life.role("warden").unwrap();
        let cgroup = fs::metadata(before.cgroup.parent().unwrap()).unwrap().ino();
        life.kill(name);
        eventually!(life.role("warden").is_ok_and(|now| now.pids != before.pids), "{name}");
        life.answers().unwrap();
        // systemd has taken the cgroup away with everything in it, and the links with that.
        let parent = life.role("warden").unwrap().cgroup.parent().unwrap().to_owned();
        assert_ne!(fs::metadata(parent).unwrap().ino(), cgroup, "{name}");
    }
}

/// Also while it starts, or while it is dying of the kill before.
fn random_kills(life: &Service) {
    let mut random = Random::new(SEED);
    let mut next = |below: u64| random.below(below);
    for _ in 0..12 {
        sleep(Duration::from_millis(next(600)));
        eventually!(!life.roles().is_empty());
        let running: Vec<_> = life.roles().into_keys().collect();
        if let Some(name) = running.get(next(running.len().max(1) as u64) as usize) {
            life.kill(name);
        }
    }
}

fn killed_with_hundreds_of_connections(life: &Service) {
    let connections = hold(life, 300);
    life.kill("gateway");
    life.answers().unwrap();
    let connections = hold(life, 300).into_iter().chain(connections).collect::<Vec<_>>();
    life.systemd.systemctl(&["restart", UNIT]).unwrap();
    drop(connections);
}

fn restarted(life: &Service) {
    for _ in 0..2 {
        life.systemd.systemctl(&["restart", UNIT]).unwrap();
        // Ready means ready: nothing is refused any more.
        life.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
    }
}

fn upgraded(life: &Service) {
    let file = life.systemd.path("/usr/bin/prxy");
    let old = fs::metadata(&file).unwrap().ino();
    let running = || {
        let pid = life.role("warden").unwrap().pids[0];
        fs::metadata(format!("/proc/{pid}/exe")).unwrap().ino()
    };
    life.install_binary().unwrap();
    let new = fs::metadata(&file).unwrap().ino();
    assert_ne!(old, new);
    assert_eq!(running(), old);
    life.answers().unwrap();
    life.systemd.systemctl(&["restart", UNIT]).unwrap();
    assert_eq!(running(), new);
    // What the old one has masked, the new one restores.
    let answer = life.ask(Format::OpenAi, TICKET, Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::OpenAi, &answer.body).unwrap().text, TICKET);
}

fn reloaded(life: &Service) {
    let roles = life.roles();
    let file = life.systemd.path("/var/lib/prxy/config.yaml");
    let usual = fs::read_to_string(&file).unwrap();
    let asked = life.scene.range.dns.log().len();
    let rule = "{ guardrails: { patterns: { BADGE: 'B-[0-9]{4}' } } }";
    life.configure(&usual.replace("{ guardrails: {} }", rule)).unwrap();
    life.systemd.systemctl(&["reload", UNIT]).unwrap();
    let answer = life.ask(Format::OpenAi, "badge B-1234", Delivery::Whole).unwrap();
    assert_eq!(answer.head.header("x-prxy-masked"), Some("BADGE=1"));
    // Names are asked for anew: an address that has moved is found at once.
    eventually!(life.scene.range.dns.log().len() > asked);
    life.configure(&usual.replace("guardrails", "guardrail")).unwrap();
    let refused = life.systemd.run("systemctl", &["reload", UNIT]).unwrap();
    assert!(!refused.status.success());
    assert!(life.systemd.journal().contains("not reloaded, nothing has changed"));
    assert_eq!(life.state().unwrap().active, "active");
    life.configure(&usual).unwrap();
    life.systemd.systemctl(&["reload", UNIT]).unwrap();
    assert_eq!(life.roles(), roles, "nobody was restarted");
}

fn stopped_mid_stream(life: &Service) {
    life.scene.anthropic.script(paced(30));
    let text = format!("{TICKET} These are the last words.");
    let request = samples::request(Format::Anthropic, &text, Delivery::Streamed);
    let client = life.scene.app().spawn(async move {
        let mut wire = Wire::new(TcpStream::connect(ADDRESS).await?);
        wire.send(&request).await?;
        let head = wire.head().await?.unwrap();
        let body = wire.answer_body(&head, &mut |_| ()).await?;
        anyhow::Ok(reader::stream(Format::Anthropic, &body)?.text)
    });
    eventually!(life.scene.anthropic.requests().iter().any(|r| r.contains("the last words")));
    life.systemd.systemctl(&["stop", UNIT]).unwrap();
    assert_eq!(life.scene.app().block_on(client).unwrap().unwrap(), text);
    life.scene.anthropic.script(paced(3));
    let state = life.state().unwrap();
    assert_eq!((state.active.as_str(), state.result.as_str()), ("inactive", "success"));
    assert!(life.roles().is_empty() && !life.systemd.group(UNIT).exists());
    assert_eq!(fs::read_dir(pins(life)).map_or(0, Iterator::count), 0);
    life.systemd.systemctl(&["start", UNIT]).unwrap();
}

fn started_twice(life: &Service) {
    let before = life.roles();
    let second = life.systemd.run("prxy", &["serve"]).unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another prxy is running on /var/lib/prxy"), "{said}");
    assert_eq!(life.roles(), before);
}

/// As at an upgrade of systemd: it goes over every unit and every cgroup that it has.
fn systemd_starts_anew(life: &Service) {
    let (roles, pins) = (life.roles(), instance(life));
    life.systemd.systemctl(&["daemon-reexec"]).unwrap();
    eventually!(life.state().is_ok_and(|state| state.active == "active"));
    assert!(life.systemd.journal().contains("Reexecuting"));
    life.systemd.systemctl(&["daemon-reload"]).unwrap();
    life.answers().unwrap();
    assert_eq!((life.roles(), instance(life)), (roles, pins), "nobody was restarted");
    let status = life.systemd.run("prxy", &["status"]).unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
}

/// Without its pins the policy would end with the warden.
fn pins_removed(life: &Service) {
    let warden = life.role("warden").unwrap();
    fs::remove_dir_all(pins(life)).unwrap();
    eventually!(life.role("warden").is_ok_and(|now| now.pids != warden.pids));
    life.answers().unwrap();
    // And with a kill that comes before anybody has noticed.
    fs::remove_dir_all(pins(life)).unwrap();
    life.kill("warden");
}

fn link_detached(life: &Service) {
    let warden = life.role("warden").unwrap();
    let start = fs::read_dir(instance(life)).unwrap().next().unwrap().unwrap().path();
    sys::detach_pinned_link(&start.join("egress")).unwrap();
    eventually!(
        life.ask(Format::Anthropic, "hello", Delivery::Whole).is_ok_and(|a| a.status == 503)
    );
    eventually!(life.role("warden").is_ok_and(|now| now.pids != warden.pids));
}

/// Whoever has the right to can take a role's group away under its feet.
fn groups_removed(life: &Service) {
    for name in ["netgate", "gateway", "warden"] {
        let warden = life.role("warden").unwrap();
        let group = life.role(name).unwrap().cgroup;
        fs::write(group.join("cgroup.kill"), "1").unwrap();
        // systemd, which takes all of it away, may be quicker.
        eventually!(fs::remove_dir(&group).is_ok() || !group.exists());
        eventually!(life.role("warden").is_ok_and(|now| now.pids != warden.pids), "{name}");
        life.answers().unwrap();
    }
}

fn audit_disk_full(life: &Service) {
    let audit = life.systemd.path("/var/lib/prxy/audit");
    let small = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", "/var/lib/prxy/audit"];
    assert!(life.systemd.run("mount", &small).unwrap().status.success());
    life.systemd.systemctl(&["restart", UNIT]).unwrap();
    life.answers().unwrap();
    let filler = audit.join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0]).is_ok() {}
    drop(file);
    let size = || fs::metadata(audit.join("egress.jsonl")).unwrap().len();
    // The last page of the log itself still has room for a few lines.
    for _ in 0..8 {
        life.systemd.systemctl(&["reload", UNIT]).unwrap();
        assert_eq!(life.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
    }
    let full = size();
    life.systemd.systemctl(&["reload", UNIT]).unwrap();
    assert_eq!(size(), full, "there was room");
    fs::remove_file(&filler).unwrap();
    eventually!(size() > full);
    life.systemd.systemctl(&["stop", UNIT]).unwrap();
    assert!(life.systemd.run("umount", &["/var/lib/prxy/audit"]).unwrap().status.success());
    life.systemd.systemctl(&["start", UNIT]).unwrap();
}

/// A name that nothing is known of, one that is answered by somebody else, and one that leads into
/// this network although it is a public one.
fn nameserver_fails(life: &Service) {
    let dns = &life.scene.range.dns;
    dns.set(ANTHROPIC, Record::Silence);
    dns.set(OPENAI, Record::WrongId(vec![ATTACKER]));
    dns.addresses("liar.example", &[ATTACKER, [127, 0, 0, 1].into(), [169, 254, 169, 254].into()]);
    life.systemd.systemctl(&["restart", UNIT]).unwrap();
    for format in [Format::Anthropic, Format::OpenAi] {
        let began = Instant::now();
        let answer = life.ask(format, "hello", Delivery::Whole).unwrap();
        assert_eq!((answer.status, answer.reason()), (503, Some("no-address")));
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    eventually!(life.systemd.journal().contains("nameservers gave addresses that may not be used"));
    dns.addresses(ANTHROPIC, &[PROVIDER_A]);
    dns.addresses(OPENAI, &[PROVIDER_B]);
}

/// Hours and days to and fro under traffic, and to where certificates are not valid.
fn clock_jumps(life: &Service) {
    let clock = Clock::install(life).unwrap();
    life.answers().unwrap();
    let asked = || {
        let log = life.scene.range.dns.log();
        log.iter().filter(|query| [ANTHROPIC, OPENAI].contains(&query.name.as_str())).count()
    };
    let (before, roles) = (asked(), life.roles());
    let said = audit(life).len();
    let usual = fs::read_to_string(life.systemd.path("/var/lib/prxy/config.yaml")).unwrap();
    for hours in [0, 5, -7, 24 * 400, 1, -24 * 400, -1] {
        clock.put(hours * 3600).unwrap();
        for format in [Format::Anthropic, Format::OpenAi] {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                assert_eq!(life.ask(format, TICKET, delivery).unwrap().status, 200, "{hours}");
            }
        }
        // The control: the daemon did see the jump. Whatever it tells of, it dates by that clock.
        life.configure("no: configuration").unwrap();
        assert!(!life.systemd.run("systemctl", &["reload", UNIT]).unwrap().status.success());
        let said = || audit(life).last().and_then(|line| line["time_ms"].as_i64()).unwrap();
        let off = || said() / 1000 - clock::now().as_secs() as i64 - hours * 3600;
        eventually!(off().abs() < 30, "{hours}: {}", off());
    }
    // Nothing has expired, nobody was asked again, nobody has died of it.
    assert_eq!((asked(), life.roles()), (before, roles));
    let expired = |line: &Value| line["event"] == "generation" && line["why"] == "expired";
    assert_eq!(audit(life)[said..].iter().find(|line| expired(line)), None);
    life.configure(&usual).unwrap();
    life.systemd.systemctl(&["reload", UNIT]).unwrap();
    eventually!(asked() > before, "only a reload asks");
    // The broker has the clock too: on a day on which the certificates are not valid, a server
    // proves nothing, and gets nothing.
    for years in [-55, 2200] {
        clock.put(years * YEAR).unwrap();
        life.systemd.systemctl(&["restart", UNIT]).unwrap();
        eventually!(
            life.ask(Format::OpenAi, TICKET, Delivery::Whole)
                .is_ok_and(|answer| answer.reason() == Some("provider-untrusted")),
            "{years}"
        );
        clock.put(0).unwrap();
        life.answers().unwrap();
    }
    let checked = life.systemd.run("prxy", &["audit", "verify"]).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    clock.remove().unwrap();
}

fn ring_buffer_full(life: &Service) {
    let netgate = life.role("netgate").unwrap();
    let warden = Pid::from_raw(life.role("warden").unwrap().pids[0]);
    let procs = fs::File::options().write(true).open(netgate.cgroup.join("cgroup.procs")).unwrap();
    let mut flood = attack::helper_command().unwrap();
    let netns = Some(life.scene.app().fd());
    sys::enter_before_exec(&mut flood, sys::Entry { cgroup: Some(Arc::new(procs.into())), netns });
    let before = policy::lost_events(warden.as_raw()).unwrap();
    let overflows = || policy::lost_events(warden.as_raw()).is_ok_and(|lost| lost > before);
    // Nobody empties the buffer until the kernel says that it is full, nor for so long that systemd
    // loses patience.
    kill(warden, Signal::SIGSTOP).unwrap();
    let mut flood = flood.arg("flood").stdin(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !overflows() && began.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(10));
    }
    let full = overflows();
    let answer = life.ask(Format::Anthropic, "hello", Delivery::Whole);
    kill(warden, Signal::SIGCONT).unwrap();
    drop(flood.kill());
    flood.wait().unwrap();
    assert!(full, "the flood was too slow: {:?}", began.elapsed());
    assert_eq!(answer.unwrap().status, 200, "the warden is not needed to serve");
    let log = life.systemd.path("/var/lib/prxy/audit/egress.jsonl");
    eventually!(fs::read_to_string(&log).unwrap().contains(r#""event":"lost""#));
    assert_eq!(life.role("warden").unwrap().pids, [warden.as_raw()]);
}

fn warden_hangs(life: &Service) {
    let warden = life.role("warden").unwrap();
    kill(Pid::from_raw(warden.pids[0]), Signal::SIGSTOP).unwrap();
    eventually!(life.role("warden").is_ok_and(|now| now.pids != warden.pids));
    assert!(life.systemd.journal().contains("Watchdog timeout"));
}

/// Its clients wait no longer than the warden takes to notice.
fn gateway_hangs(life: &Service) {
    let warden = life.role("warden").unwrap();
    let gateway = life.role("gateway").unwrap();
    kill(Pid::from_raw(gateway.pids[0]), Signal::SIGSTOP).unwrap();
    let began = Instant::now();
    assert!(life.ask(Format::Anthropic, "hello", Delivery::Whole).is_err());
    assert!(began.elapsed() < Duration::from_secs(18), "{:?}", began.elapsed());
    eventually!(life.role("warden").is_ok_and(|now| now.pids != warden.pids));
    assert!(life.systemd.journal().contains("gateway does not answer any more"));
}

/// Connections with half a request on each.
fn hold(life: &Service, count: usize) -> Vec<Wire<TcpStream>> {
    life.scene.app().block_on(async move {
        let mut held = Vec::new();
        for _ in 0..count {
            let mut wire = Wire::new(TcpStream::connect(ADDRESS).await.unwrap());
            wire.send(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
            held.push(wire);
        }
        held
    })
}

/// An echo in small pieces.
fn paced(pause_ms: u64) -> Script {
    let (delta, pause) = (Delta::Bytes(20), Duration::from_millis(pause_ms));
    Script::echo(Split { delta, pause, ..Split::default() })
}

fn audit(life: &Service) -> Vec<Value> {
    let log = life.systemd.path("/var/lib/prxy/audit/egress.jsonl");
    let text = fs::read_to_string(log).unwrap();
    // The last line may be half written.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The folder of this data directory's pins.
fn instance(life: &Service) -> PathBuf {
    fs::read_dir(pins(life)).unwrap().next().unwrap().unwrap().path()
}

fn pins(life: &Service) -> PathBuf {
    life.systemd.path("/sys/fs/bpf/prxy")
}

/// A third provider, of which nobody asks anything.
const LIAR: &str = "  liar: { base_url: 'https://liar.example', api: anthropic }\ndns:";
/// In seconds.
const YEAR: i64 = 365 * 24 * 3600;
const SEED: u64 = 0x5eed_1234_abcd_0001;
