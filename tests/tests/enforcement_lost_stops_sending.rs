//! When the kernel's policy is taken away under a running daemon, nothing is sent any more and
//! clients are told why.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::PathBuf;

use prxy_tests::eventually;
use prxy_tests::provider::Format;
use prxy_tests::samples::Delivery;
use prxy_tests::scene::Scene;
use prxy_tests::sys::detach_pinned_link;

fn pins(scene: &Scene) -> PathBuf {
    let role = scene.daemon().unwrap().role("netgate").unwrap();
    let group = role.cgroup.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let instance = PathBuf::from("/sys/fs/bpf/prxy").join(group.strip_prefix("prxy-").unwrap());
    std::fs::read_dir(instance).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_detached_program_ends_all_sending_and_clients_are_told() {
    for program in ["egress", "connect4", "setsockopt"] {
        let scene = Scene::start().unwrap();
        let ask = || scene.ask(Format::Anthropic, "hello", Delivery::Whole).unwrap();
        assert_eq!(ask().status, 200);
        detach_pinned_link(&pins(&scene).join(program)).unwrap();
        eventually!(ask().status == 503);
        let sent = scene.anthropic.connections();
        for _ in 0..10 {
            let answer = ask();
            assert_eq!(answer.status, 503, "{program}: {}", answer.text());
            assert_eq!(answer.reason(), Some("enforcement-lost"), "{program}");
        }
        assert_eq!(scene.anthropic.connections(), sent, "{program}: connected again");
    }
}
