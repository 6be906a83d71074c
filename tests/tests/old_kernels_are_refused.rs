//! Below the oldest kernel that the promise holds on, nothing starts; above it, the log says which
//! layers hold.

use prxy_tests::daemon;
use prxy_tests::scene::{Scene, Setting};

#[test]
fn a_kernel_below_the_floor_is_named_and_refused() {
    let scene = Scene::empty().unwrap();
    for enforcement in ["required", "best-effort"] {
        let extra = format!("enforcement: {enforcement}\n");
        let text = scene.config(&Setting { extra, ..Setting::default() });
        let config = scene.dir().join("config.yaml");
        std::fs::create_dir_all(scene.data()).unwrap();
        std::fs::write(&config, text).unwrap();
        // The kernel itself says "2.6" to a program that asks for it.
        let mut command = scene.app().command("setarch");
        command.arg("--uname-2.6").arg(daemon::binary().unwrap()).arg("serve");
        command.arg("--config").arg(&config).arg("--data-dir").arg(scene.data());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Linux 2.6 is too old: prxy needs 6.6 or later"), "{said}");
        assert!(!said.contains("prxy: ready"), "{said}");
    }
}

#[test]
fn the_start_says_which_layers_hold() {
    let scene = Scene::start().unwrap();
    let log = scene.daemon().unwrap().log();
    let line = log.iter().find(|line| line.contains("part of the airgap holds")).unwrap();
    for layer in ["packet programs", "socket storage", "clone into a cgroup"] {
        assert!(line.contains(layer), "{line}");
    }
}
