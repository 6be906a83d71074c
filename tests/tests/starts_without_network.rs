//! The daemon is ready without any network; a route without addresses answers 503 until it has
//! some; and when names stop resolving, nothing opens.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use prxy_tests::dns::Record;
use prxy_tests::eventually;
use prxy_tests::lab::{ATTACKER, DNS, PROVIDER_A};
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::{ANTHROPIC, OPENAI, Scene, Setting};

fn status(scene: &Scene) -> u16 {
    scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap().status
}

#[test]
fn it_is_ready_with_a_silent_nameserver_and_works_when_that_answers() {
    let mut scene = Scene::empty().unwrap();
    scene.range.dns.set(ANTHROPIC, Record::Silence);
    scene.range.dns.set(OPENAI, Record::Silence);
    scene.launch(&Setting::default()).unwrap();
    let answer = scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.reason().is_some());
    assert_eq!(scene.anthropic.connections(), 0);
    scene.range.dns.addresses(ANTHROPIC, &[PROVIDER_A]);
    eventually!(status(&scene) == 200);
}

#[test]
fn it_is_ready_with_the_wire_cut_and_works_when_that_is_mended() {
    let mut scene = Scene::empty().unwrap();
    scene.range.lab.app.ip("link set app0 down").unwrap();
    scene.launch(&Setting::default()).unwrap();
    assert_eq!(status(&scene), 503);
    let lab = &scene.range.lab;
    lab.app.ip("link set app0 up").unwrap();
    // Taking a link down has removed what stood on it.
    lab.app.ip("-6 addr replace fd77::2/64 dev app0 nodad").unwrap();
    for ip in [PROVIDER_A, DNS] {
        let neighbour =
            format!("neigh replace {ip} lladdr 02:00:00:00:00:01 dev app0 nud permanent");
        lab.app.ip(&neighbour).unwrap();
    }
    eventually!(status(&scene) == 200);
}

#[test]
fn a_slow_truncating_or_lying_nameserver_does_no_harm() {
    for (what, record, works) in [
        ("late", Record::Late(vec![PROVIDER_A], Duration::from_millis(300)), true),
        ("truncated", Record::Truncated(vec![PROVIDER_A]), true),
        ("wrong id", Record::WrongId(vec![ATTACKER]), false),
        ("server failure", Record::ServFail, false),
        ("no such name", Record::NxDomain, false),
    ] {
        let mut scene = Scene::empty().unwrap();
        scene.range.dns.set(ANTHROPIC, record);
        scene.launch(&Setting::default()).unwrap();
        if works {
            eventually!(status(&scene) == 200, "{what}");
        } else {
            let until = Instant::now() + Duration::from_secs(1);
            while Instant::now() < until {
                assert_eq!(status(&scene), 503, "{what}");
            }
            assert_eq!(scene.range.attacker.caught(), [], "{what}");
        }
    }
}

#[test]
fn addresses_that_no_public_name_has_are_not_taken() {
    let special: [IpAddr; 7] = [
        [127, 0, 0, 1].into(),
        [169, 254, 169, 254].into(),
        [100, 64, 0, 1].into(),
        [10, 77, 0, 66].into(),
        [224, 0, 0, 1].into(),
        [0, 0, 0, 0].into(),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ];
    let mut scene = Scene::empty().unwrap();
    scene.range.dns.addresses(ANTHROPIC, &special);
    // The same names, but not configured as private.
    let config = scene.config(&Setting::default()).replace(", private: true", "");
    let path = scene.dir().join("public.yaml");
    std::fs::write(&path, config).unwrap();
    std::fs::create_dir_all(scene.data()).unwrap();
    let daemon = prxy_tests::daemon::Daemon::start(scene.app(), &path, &scene.data(), &[]).unwrap();
    eventually!(scene.range.dns.names().contains(&ANTHROPIC.to_owned()));
    let body = prxy_tests::samples::ask(Format::Anthropic, "hello", Delivery::Whole).to_string();
    for _ in 0..20 {
        let bytes = prxy_tests::http::request(
            "POST",
            "/v1/messages",
            &[("content-type", "application/json")],
            body.as_bytes(),
        );
        let answer = prxy_tests::scene::call(scene.app(), daemon.address, bytes).unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(scene.range.attacker.caught(), []);
    daemon.stop().unwrap();
    scene.launch(&Setting::default()).unwrap();
}
