use super::*;

/// A list with one provider, configured by these keys.
fn list(keys: &str) -> Allowlist {
    Allowlist::new(&config(keys), &[])
}

fn config(keys: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    let url = if keys.contains("base_url") { "" } else { "base_url: 'https://a.example', " };
    std::fs::write(&file, format!("providers: {{ a: {{ {url}api: openai{keys} }} }}")).unwrap();
    let sources = crate::config::Sources {
        config: Some(file),
        listen: None,
        data_dir: Some(dir.path().to_owned()),
        env: &|_| None,
        root: false,
    };
    Config::load(&sources).unwrap_or_else(|errors| panic!("{errors}"))
}

fn ips(addresses: &[&str]) -> Vec<IpAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What is in force after an answer, all else being new.
#[track_caller]
fn check(keys: &str, answer: &[&str], expected: &[&str]) {
    let mut list = list(keys);
    let changed = list.admit(0, &ips(answer), at(60), at(0));
    assert_eq!(list.addresses(0), ips(expected), "{keys}: {answer:?}");
    assert_eq!(changed, !expected.is_empty() && !answer.is_empty());
}

#[test]
fn special_addresses_never_stand_behind_a_public_name() {
    for address in [
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.0.8",
        "198.18.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
        "::127.0.0.1",
    ] {
        check("", &[address], &[]);
        check("", &[address, "1.1.1.1"], &["1.1.1.1"]);
        check(", private: true", &[address], &[address]);
    }
    for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
        check(", private: true", &[address], &[]);
    }
    for address in ["1.1.1.1", "160.79.104.10", "2607:6bc0::10"] {
        check("", &[address], &[address]);
    }
}

#[test]
fn pins_cut_off_everything_beside_them() {
    let pinned = ", pinned: [203.0.113.0/24, '2001:db8::7']";
    check(
        pinned,
        &["203.0.113.9", "8.8.8.8", "2001:db8::7", "2001:db8::8"],
        &["203.0.113.9", "2001:db8::7"],
    );
    check(pinned, &["8.8.8.8", "10.0.0.1", "::ffff:203.0.113.9"], &[]);
    // A range does not make special addresses in it usable.
    let wide = ", pinned: [100.0.0.0/8]";
    check(wide, &["100.64.0.1", "100.1.1.1"], &["100.1.1.1"]);
    check(
        ", private: true, pinned: [10.1.0.0/16]",
        &["10.1.2.3", "10.2.2.3", "8.8.8.8"],
        &["10.1.2.3"],
    );
}

#[test]
fn fixed_addresses_hold_for_ever_and_no_answer_changes_them() {
    for (keys, fixed) in [
        (", pinned: [203.0.113.7, '2001:db8::7'], resolve: false", ["203.0.113.7", "2001:db8::7"]),
        (", pinned: ['2001:db8::8', 203.0.113.8], resolve: false", ["203.0.113.8", "2001:db8::8"]),
    ] {
        check(keys, &[], &fixed);
        let mut list = list(keys);
        assert!(!list.admit(0, &ips(&["203.0.113.7", "8.8.8.8"]), at(60), at(0)));
        assert_eq!(list.refresh(at(1 << 40)), [0; 0]);
        assert_eq!(list.addresses(0), ips(&fixed));
    }
    let mut literal = list(", base_url: 'https://8.8.4.4'");
    assert!(!literal.admit(0, &ips(&["8.8.8.8"]), at(60), at(0)));
    assert_eq!(literal.addresses(0), ips(&["8.8.4.4"]));
}

#[test]
fn a_bad_answer_keeps_the_last_good_one_until_it_expires() {
    let mut list = list(", pinned: [1.0.0.0/8]");
    let good = ips(&["1.1.1.1"]);
    assert!(list.admit(0, &good, at(60), at(0)));
    for bad in [&[][..], &["127.0.0.1"], &["8.8.8.8"], &["::1", "8.8.8.8", "0.0.0.0"]] {
        assert!(!list.admit(0, &ips(bad), at(60), at(100)));
        assert_eq!(list.addresses(0), good);
    }
    let end = HARD_EXPIRY + at(60);
    assert_eq!(list.refresh(end - at(1)), [0; 0]);
    assert_eq!(list.refresh(end), [0]);
    assert!(list.addresses(0).is_empty());
    assert_eq!(list.refresh(end), [0; 0]);
    assert!(list.admit(0, &good, at(60), end), "and comes back");
}

#[test]
fn the_same_answer_again_prolongs() {
    let mut list = list("");
    let good = ips(&["1.1.1.1"]);
    assert!(list.admit(0, &good, at(60), at(0)));
    assert!(!list.admit(0, &good, at(60), at(1000)));
    assert_eq!(list.refresh(HARD_EXPIRY + at(1059)), [0; 0]);
    assert_eq!(list.refresh(HARD_EXPIRY + at(1060)), [0]);
}

#[test]
fn no_answer_holds_longer_than_an_hour_and_a_day() {
    let mut list = list("");
    assert!(list.admit(0, &ips(&["1.1.1.1"]), at(u32::MAX.into()), at(0)));
    assert_eq!(list.refresh(HARD_EXPIRY + MAX_TTL), vec![0]);
}

#[test]
fn a_flood_of_answers_makes_few_generations_and_the_latest_wins() {
    let mut list = list("");
    let mut generations = 0;
    // A hundred a second for five minutes, each one different.
    for i in 0..30_000_u32 {
        let now = Duration::from_millis(u64::from(i) * 10);
        let address = IpAddr::from((0x0101_0000 + i).to_be_bytes());
        generations += usize::from(list.admit(0, &[address], at(0), now));
        generations += list.refresh(now).len();
    }
    assert_eq!(generations, 10);
    let last = IpAddr::from((0x0101_0000_u32 + 29_999).to_be_bytes());
    assert_ne!(list.addresses(0), [last]);
    assert_eq!(list.refresh(at(330)), [0]);
    assert_eq!(list.addresses(0), [last]);
}

#[test]
fn what_changes_back_in_time_changes_nothing() {
    let mut list = list("");
    let (first, second) = (ips(&["1.1.1.1"]), ips(&["1.1.1.2"]));
    assert!(list.admit(0, &first, at(60), at(0)));
    assert!(!list.admit(0, &second, at(60), at(1)));
    assert!(!list.admit(0, &first, at(60), at(2)));
    assert_eq!(list.refresh(at(100)), [0; 0]);
    assert_eq!(list.addresses(0), first);
}

#[test]
fn refused_addresses_are_counted_and_rarely_told() {
    let mut list = list("");
    for i in 0..1000 {
        assert!(!list.admit(0, &ips(&["10.0.0.1", "10.0.0.2"]), at(60), Duration::from_millis(i)));
    }
    let refusals = &list.routes[0].refusals;
    assert_eq!((refusals.count, refusals.told), (2000, Some(at(0))));
}

#[test]
fn no_route_has_more_addresses_than_a_message_holds() {
    let mut list = list("");
    let many: Vec<_> = (0..200).map(|i| IpAddr::from([1, 1, 1, i])).collect();
    assert!(list.admit(0, &many, at(60), at(0)));
    assert_eq!(list.addresses(0), many[..MAX_ADDRESSES]);
}

#[test]
fn where_no_name_is_resolved_no_nameserver_is_admitted() {
    let server: SocketAddr = "10.0.0.53:53".parse().unwrap();
    for (keys, expected) in [
        ("", vec![server]),
        (", pinned: [203.0.113.7]", vec![server]),
        (", pinned: [203.0.113.7], resolve: false", vec![]),
        (", base_url: 'https://8.8.4.4'", vec![]),
    ] {
        let config = Config { nameservers: vec![server], ..config(keys) };
        let nameservers = crate::warden::nameservers(&config).unwrap();
        assert_eq!(nameservers, expected, "{keys}");
        let list = Allowlist::new(&config, &nameservers);
        let admitted = list.entries().any(|entry| entry.role == Role::Resolver);
        assert_eq!(admitted, !expected.is_empty(), "{keys}");
    }
}

#[test]
fn answers_for_unknown_routes_change_nothing() {
    assert!(!list("").admit(7, &ips(&["1.1.1.1"]), at(60), at(0)));
}

#[test]
fn a_reload_keeps_what_is_known_of_names_that_stay_and_may_stay() {
    let config = |providers: &str| {
        let text = format!("providers: {{ {providers} }}");
        crate::config::tests::load(&text).unwrap()
    };
    let a = "openai: { base_url: 'https://a.example', private: true }";
    let old = config(&format!(
        "{a}, lab: {{ base_url: 'https://192.0.2.1', api: openai, private: true }}"
    ));
    let mut list = Allowlist::new(&old, &[]);
    let known: Vec<IpAddr> = ["10.0.0.1", "1.1.1.1"].map(|a| a.parse().unwrap()).to_vec();
    assert!(list.admit(0, &known, Duration::from_secs(60), Duration::ZERO));
    // Another number, another port, no private addresses any more; the literal has changed.
    let new = config(
        "lab: { base_url: 'https://192.0.2.2', api: openai, private: true }, \
         openai: { base_url: 'https://a.example:8443' }, groq: {}",
    );
    let mut next = list.reconfigured(&new, &["192.0.2.53:53".parse().unwrap()]);
    let entries: Vec<_> = next.entries().map(|e| (e.address, e.port, e.route)).collect();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(
        entries,
        [
            (address("192.0.2.53"), 53, 0),
            (address("192.0.2.2"), 443, 0),
            (address("1.1.1.1"), 8443, 1),
        ]
    );
    assert_eq!(next.refresh(HARD_EXPIRY + Duration::from_secs(60)), vec![1]);
}
