//! In a container of podman prxy holds as it does on the host, with the capabilities that
//! `docs/install.md` names; with fewer it does not start.
//!
//! The image is a folder with the binary, its libraries and the trust roots, because there is no
//! registry to fetch Debian from; `packaging/Containerfile` itself is not built. podman runs in the
//! booted systemd, where there is nothing but cgroup v2.

use std::fs;
use std::path::Path;

use prxy_tests::eventually;
use prxy_tests::provider::Format;
use prxy_tests::reader;
use prxy_tests::samples::{Delivery, TICKET};
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{SOURCES, Service};

#[test]
fn it_serves_and_every_layer_holds_with_the_named_capabilities_only() {
    let service = Service::install().unwrap();
    let config = service.config(&Setting::default());
    service.systemd.install("/srv/data/config.yaml", config.as_bytes(), 0o644).unwrap();
    service
        .systemd
        .install("/etc/containers/containers.conf", CONTAINERS.as_bytes(), 0o644)
        .unwrap();
    service.systemd.output("sh", &["-euc", IMAGE]).unwrap();
    let guide = fs::read_to_string(Path::new(SOURCES).join("../docs/install.md")).unwrap();
    for told in [CAPABILITIES, UNMASK, BPFFS] {
        assert!(guide.contains(told), "{told}");
    }
    let run = |name: &str, capabilities: &str| {
        let capabilities = format!("--cap-drop=all --cap-add={capabilities}");
        let run = format!(
            "run -d --name {name} --network host --cgroups=disabled {capabilities} {UNMASK} {BPFFS} \
             -v /srv/data:/data -e PRXY_DATA_DIR=/data --rootfs /srv/root /usr/bin/prxy serve"
        );
        service.systemd.output("sh", &["-c", &format!("{PODMAN} {run}")]).unwrap();
    };
    let podman = |command: &str| {
        let command = format!("{PODMAN} {command} 2>&1");
        service.systemd.output("sh", &["-c", &command]).unwrap()
    };

    run("poor", &CAPABILITIES.replace("SYS_ADMIN,", ""));
    eventually!(podman("inspect -f '{{.State.Status}}' poor") == "exited");
    let said = podman("logs poor");
    assert!(said.contains("needs CAP_BPF") && !said.contains("prxy: ready"), "{said}");

    run("prxy", CAPABILITIES);
    service.answers().unwrap();
    service.scene.openai.forget();
    let answer = service.ask(Format::OpenAi, TICKET, Delivery::Whole).unwrap();
    assert_eq!(reader::whole(Format::OpenAi, &answer.body).unwrap().text, TICKET);
    assert!(service.scene.openai.requests()[0].text().contains("<EMAIL_"));
    let said = podman("logs prxy");
    let held = said.lines().find(|line| line.contains("part of the airgap holds")).unwrap();
    for layer in ["packet programs", "Landlock files", "system call filter", "unix socket programs"]
    {
        assert!(held.contains(layer), "{layer}: {held}");
    }
    assert!(!said.contains("not in this kernel"), "{said}");
    podman("stop prxy");
    assert_eq!(podman("inspect -f '{{.State.ExitCode}}' prxy"), "0");
}

/// As `docs/install.md` has them.
const CAPABILITIES: &str = "SYS_ADMIN,SETUID,SETGID,SETPCAP,CHOWN,FOWNER,DAC_OVERRIDE";
const UNMASK: &str = "--security-opt unmask=/sys/fs/cgroup";
const BPFFS: &str = "-v /sys/fs/bpf:/sys/fs/bpf";

/// Nothing of it stays on this machine, whose own storage may be of another kind.
const PODMAN: &str = "podman --root /run/podroot --runroot /run/podrun --storage-driver vfs";

/// For a systemd that may raise no limit.
const CONTAINERS: &str = "\
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
[containers]
default_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]
log_driver = \"k8s-file\"
";

const IMAGE: &str = "
cd /srv; mkdir -p root/usr/bin root/etc root/data root/proc root/sys root/dev root/tmp root/run
cp /usr/bin/prxy root/usr/bin/
for library in $(ldd /usr/bin/prxy | grep -o '/[^ ]*'); do
    mkdir -p root$(dirname $library)
    cp -L $library root$library
done
cp -r /etc/ssl root/etc/
";
