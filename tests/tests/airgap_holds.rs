//! A compromised role sends nothing but TCP to the providers' configured port; the process that
//! sees raw text sends nothing at all.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use prxy::verify::technique::AsRoot;
use prxy_tests::attack::{self, Confinement, Judge, Presence, Technique, Verdict, allowed};
use prxy_tests::capture::only;
use prxy_tests::provider::Format;
use prxy_tests::samples::{Delivery, TICKET};
use prxy_tests::scene::Scene;
use prxy_tests::{eventually, roles};

/// The controls: what the kernel here has at all, seen to get through.
fn real_techniques() -> Vec<&'static Technique> {
    let all: Vec<_> = attack::all().collect();
    let verdicts = attack::controls(&all).unwrap();
    let mut real = Vec::new();
    for (technique, verdict) in all.into_iter().zip(verdicts) {
        match verdict {
            Verdict::GotThrough(_) => real.push(technique),
            Verdict::Unavailable(_) => assert_eq!(technique.presence, Presence::Optional),
            Verdict::Blocked(why) => panic!("control of {}: {why}", technique.name),
        }
    }
    assert!(real.len() >= 36);
    real
}

#[test]
fn no_technique_gets_out_of_any_role() {
    let scene = Scene::start().unwrap();
    let techniques = real_techniques();
    let mut holes = Vec::new();
    for name in ["gateway", "netgate", "broker", "resolver", "warden"] {
        let role = scene.daemon().unwrap().role(name).unwrap();
        let from = Confinement::of(&role).unwrap();
        for technique in &techniques {
            if technique.open_to.is_some_and(|(role, _)| role.name() == name)
                || (has_files(name) && BY_LANDLOCK.contains(&technique.name))
            {
                continue;
            }
            let verdict = scene.range.attempt(technique, &from).unwrap();
            println!("{name:9} {:16} {verdict:?}", technique.name);
            if !matches!(verdict, Verdict::Blocked(_)) {
                holes.push(format!("{name}: {} ({}): {verdict:?}", technique.name, technique.what));
            }
        }
    }
    assert_eq!(holes, Vec::<String>::new());
    assert_eq!(scene.range.attacker.caught(), []);
    // And the daemon still works.
    assert_eq!(scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status, 200);
}

/// The roles whose system call filters let them open files.
fn has_files(role: &str) -> bool {
    ["gateway", "warden"].contains(&role)
}

/// What only Landlock keeps from those. It is not on here; under `prxy verify` it is.
const BY_LANDLOCK: &[&str] = &[
    "fifo",
    "file-drop",
    "proc-descriptors",
    "proc-memory",
    "proc-environment",
    "speak-by-file",
    "kernel-log",
    "core-pattern",
    "kernel-switches",
    "drop-file",
    "read-secrets",
    "read-names",
];

/// The kernel's policy on its own, against root with every capability. A packet socket is invisible
/// to it, as is leaving the cgroup to root: those need the other layers, which the test above has.
#[test]
fn the_kernel_policy_alone_stops_root_in_the_netgate() {
    let scene = Scene::start().unwrap();
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let from = Confinement::kernel_policy_of(&role).unwrap();
    let mut holes = Vec::new();
    for technique in
        attack::all().filter(|t| t.judge == Judge::Wire && t.as_root == AsRoot::Stopped)
    {
        let verdict = scene.range.attempt(technique, &from).unwrap();
        if let Verdict::GotThrough(how) = verdict {
            holes.push(format!("{}: {how}", technique.name));
        }
    }
    assert_eq!(holes, Vec::<String>::new());
}

#[test]
fn real_traffic_goes_to_the_providers_and_the_nameserver_only() {
    for ipv6 in [false, true] {
        let mut scene = Scene::empty().unwrap();
        if ipv6 {
            scene.add_ipv6().unwrap();
        }
        scene.launch(&Default::default()).unwrap();
        scene.wait_for_routes().unwrap();
        for format in [Format::Anthropic, Format::OpenAi] {
            for delivery in [Delivery::Whole, Delivery::Streamed] {
                assert_eq!(scene.ask(format, TICKET, delivery).unwrap().status, 200);
            }
        }
        scene.stop().unwrap();
        let packets = scene.range.capture.all(&scene.range.lab).unwrap();
        let judged = only(&packets, &allowed());
        println!("{:#?}", judged.destinations);
        assert!(judged.holds(), "{judged}");
        assert!(judged.destinations.keys().any(|d| d.ends_with(":443 tcp")), "{judged:?}");
        for (label, value) in prxy_tests::samples::PERSONAL {
            assert!(!packets.iter().any(|p| p.contains(value.as_bytes())), "{label} on the wire");
        }
    }
}

#[test]
fn gateway_and_broker_have_no_network_and_no_role_has_rights() {
    let scene = Scene::start().unwrap();
    let daemon = scene.daemon().unwrap();
    let host = std::fs::read_link(format!("/proc/{}/ns/net", daemon.pid())).unwrap();
    for (name, role) in daemon.roles().unwrap() {
        for pid in role.pids {
            let namespace = std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
            let links = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
            if name == "gateway" || name == "broker" {
                assert_ne!(namespace, host, "{name} is in the host's network namespace");
                assert_eq!(links.lines().count(), 3, "{name} has more than lo:\n{links}");
            }
            let rights = roles::rights(pid).unwrap();
            assert_eq!(rights.effective, 0, "{name} has capabilities");
            assert!(rights.no_new_privs, "{name} may gain rights by exec");
            if name != "warden" {
                assert_ne!(rights.uid, 0, "{name} is root");
                assert_eq!(rights.bounding, 0, "{name} could get capabilities back");
                assert!(rights.seccomp_filters > 0, "{name} has no seccomp filter");
            }
        }
    }
}

#[test]
fn refused_attempts_are_in_the_audit_log() {
    let scene = Scene::start().unwrap();
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let from = Confinement::kernel_policy_of(&role).unwrap();
    let tcp4 = attack::technique::by_name("tcp4").unwrap();
    assert!(matches!(scene.range.attempt(tcp4, &from).unwrap(), Verdict::Blocked(_)));
    let path = scene.data().join("audit/egress.jsonl");
    let log = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually!(log().contains("10.77.0.66"), "{}", log());
    for line in log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event.is_object(), "{line}");
    }
}

#[test]
fn nothing_is_left_behind_when_the_daemon_ends() {
    let mut scene = Scene::start().unwrap();
    let roles = scene.daemon().unwrap().roles().unwrap();
    assert!(roles.len() >= 5, "{roles:?}");
    scene.stop().unwrap();
    for role in roles.values() {
        for pid in &role.pids {
            eventually!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{}", role.name);
        }
        eventually!(!role.cgroup.exists(), "{}", role.cgroup.display());
    }
}
