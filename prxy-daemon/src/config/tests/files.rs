//! Which file is read, and which files are not.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigErrors, Sources};

fn from_file(path: &Path) -> Result<Config, ConfigErrors> {
    let env = |_: &str| Some(OsString::from("/nowhere")).filter(|_| false);
    let data_dir = Some(PathBuf::from("/var/lib/prxy"));
    let config = Some(path.to_owned());
    Config::load(&Sources { config, listen: None, data_dir, env: &env, root: false })
}

#[test]
fn a_file_that_others_could_change_or_that_is_no_plain_text_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8], mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    };
    write("good", b"listen: 127.0.0.1:1", 0o644);
    write("open", b"listen: 127.0.0.1:1", 0o666);
    write("latin", b"listen: caf\xe9", 0o600);
    write("large", &vec![b'#'; (1 << 20) + 1], 0o600);
    write("largest", &vec![b'#'; 1 << 20], 0o600);
    symlink("good", dir.path().join("link")).unwrap();
    symlink("open", dir.path().join("bad-link")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (name, expected) in [
        ("good", None),
        ("link", None),
        ("largest", None),
        ("open", Some("everyone may write to the configuration: chmod o-w")),
        ("bad-link", Some("everyone may write to the configuration: chmod o-w")),
        ("latin", Some("not UTF-8")),
        ("large", Some("the configuration is larger than 1 MiB")),
        ("pipe", Some("the configuration must be a regular file")),
        ("", Some("the configuration must be a regular file")),
        ("absent", Some("cannot read the configuration: no such file")),
    ] {
        let path = dir.path().join(name);
        let told = from_file(&path).err().map(|errors| errors.to_string());
        let expected = expected.map(|text| format!("{}: error: {text}", path.display()));
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn the_data_directory_comes_from_option_variable_or_home() {
    let load = |data_dir: Option<&str>, env: &[(&str, &str)], root: bool| {
        let lookup = |name: &str| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let data_dir = data_dir.map(PathBuf::from);
        let sources = Sources { config: None, listen: None, data_dir, env: &lookup, root };
        match Config::load(&sources) {
            Ok(config) => config.data_dir.display().to_string(),
            Err(errors) => errors.to_string(),
        }
    };
    let both = [("PRXY_DATA_DIR", "/nowhere/b"), ("HOME", "/nowhere/h")];
    assert_eq!(load(Some("/nowhere/a"), &both, true), "/nowhere/a");
    assert_eq!(load(None, &both, true), "/nowhere/b");
    assert_eq!(load(None, &both[1..], false), "/nowhere/h/.prxy");
    let here = std::env::current_dir().unwrap();
    assert_eq!(load(Some("nowhere"), &[], false), here.join("nowhere").display().to_string());
    let none = "prxy: error: no data directory: set PRXY_DATA_DIR or HOME, or give --data-dir";
    assert_eq!(load(None, &[], false), none);
    assert_eq!(load(None, &[("HOME", "")], false), none);
    let empty = "PRXY_DATA_DIR: error: set, but empty: unset it, or give it a value";
    assert_eq!(load(None, &[("PRXY_DATA_DIR", "")], false), empty);
}

#[test]
fn a_default_file_is_read_if_there_is_one_and_never_overlooked() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().display().to_string();
    let none = |_: &str| None;
    let load = || {
        let data_dir = Some(dir.path().to_owned());
        let sources = Sources { config: None, listen: None, data_dir, env: &none, root: false };
        let told = Config::load(&sources).map(|config| config.listen.tcp.unwrap().to_string());
        (sources.file(), told.map_err(|errors| errors.to_string().replace(&base, "")))
    };
    let file = dir.path().join("config.yaml");
    assert_eq!(load(), (None, Ok("127.0.0.1:3099".into())));
    fs::write(dir.path().join("config.yml"), "").unwrap();
    let misnamed = "/config.yml: error: the configuration must be named config.yaml";
    assert_eq!(load(), (None, Err(misnamed.into())));
    symlink("nowhere", &file).unwrap();
    let dangling = "/config.yaml: error: cannot read the configuration: no such file";
    assert_eq!(load(), (Some(file.clone()), Err(dangling.into())));
    fs::remove_file(&file).unwrap();
    fs::write(&file, "listen: 127.0.0.1:7").unwrap();
    assert_eq!(load(), (Some(file), Ok("127.0.0.1:7".into())));
}

#[test]
fn an_option_wins_over_the_variable_and_both_over_the_file_but_all_must_be_right() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.yaml"), "listen: 127.0.0.1:1").unwrap();
    let load = |option: Option<&str>, variable: Option<&[u8]>| {
        let env = |name: &str| {
            variable.filter(|_| name == "PRXY_LISTEN").map(|v| OsString::from_vec(v.to_vec()))
        };
        let data_dir = Some(dir.path().to_owned());
        let listen = option.map(str::to_owned);
        let sources = Sources { config: None, listen, data_dir, env: &env, root: false };
        Config::load(&sources)
            .map(|c| c.listen.tcp.unwrap().port().to_string())
            .unwrap_or_else(|e| e.to_string())
    };
    assert_eq!(load(None, None), "1");
    assert_eq!(load(None, Some(b"127.0.0.1:2")), "2");
    assert_eq!(load(Some("127.0.0.1:3"), Some(b"127.0.0.1:2")), "3");
    assert_eq!(load(Some("127.0.0.1:3"), Some(b"\xff")), "PRXY_LISTEN: error: not UTF-8");
    let text = load(Some("3"), None);
    assert!(text.starts_with("--listen: error: bad listen address `3`: expected"), "{text}");
}
