//! Whatever a nameserver says or does: what was reachable stays reachable, nothing outside the
//! configuration is ever contacted, and the questions are the configured names and no others.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockType, getsockopt, send, sockopt};
use prxy::link::{FIRST_EPOCH, RouteId, ToWarden};
use prxy_tests::attacker::Attacker;
use prxy_tests::capture::{self, Destination};
use prxy_tests::dns::{Asked, Dns, Record, Step, address, alias, record};
use prxy_tests::http::Answer;
use prxy_tests::lab::{ATTACKER, DNS, PROVIDER_B};
use prxy_tests::provider::{Format, Provider};
use prxy_tests::samples::{self, Delivery};
use prxy_tests::scene::Scene;
use prxy_tests::sys::take_descriptor;

/// Addresses that count as public: the documentation ranges.
const REAL: IpAddr = v4(1);
const REAL_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const LIAR: IpAddr = v4(66);
/// Where the control's packets go.
const CONTROL: IpAddr = v4(67);

const fn v4(host: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, host))
}

/// One configured name and how its nameserver behaves.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    keys: &'static str,
    acts: fn(&Asked) -> Vec<Step>,
}

const NONE: &str = "";
const PINNED: &str = ", pinned: [203.0.113.1, '2001:db8::1']";

/// Odd, but the right address is in it.
const ODD: &[Case] = &[
    Case { name: "plain", keys: NONE, acts: honest },
    Case { name: "slow", keys: NONE, acts: |q| vec![Step::Wait(MS * 300), right(q)] },
    Case { name: "dotless-case", keys: NONE, acts: in_lower_case },
    Case {
        name: "chain",
        keys: NONE,
        acts: |q| {
            let owners = [None, Some("a.test"), Some("b.test"), Some("c.test")];
            let links = owners.windows(2).map(|w| alias(w[0], w[1].unwrap()));
            let end = address(Some("c.test"), REAL, q.kind);
            vec![q.send(q.reply(&links.chain(end).collect::<Vec<_>>()))]
        },
    },
    Case {
        name: "beside-others",
        keys: NONE,
        acts: |q| {
            let other = record(None, 65, 1, 60, &[0, 1, 0]);
            let chaos = record(None, q.kind, 3, 60, &[203, 0, 113, 66]);
            let stranger = address(Some("evil.test"), LIAR, q.kind);
            let text = record(None, 16, 1, 60, &[3, b'a', b'b', b'c']);
            let all = [other, chaos, text].into_iter().chain(stranger).chain(q.records(&[REAL]));
            vec![q.send(q.reply(&all.collect::<Vec<_>>()))]
        },
    },
    Case { name: "special-too", keys: NONE, acts: |q| answers(q, &special(&[REAL])) },
    Case { name: "ttl-none", keys: NONE, acts: |q| ttl(q, 0) },
    Case { name: "ttl-most", keys: NONE, acts: |q| ttl(q, u32::MAX) },
    Case { name: "ttl-sign", keys: NONE, acts: |q| ttl(q, 1 << 31) },
    Case { name: "only-v6", keys: NONE, acts: |q| answers(q, &[REAL_V6]) },
    Case { name: "by-tcp", keys: NONE, acts: |q| over_tcp(q, |q| vec![right(q)]) },
    Case {
        name: "kib-64",
        keys: NONE,
        acts: |q| {
            over_tcp(q, |q| {
                let text = [&[255][..], &[b'x'; 255]].concat();
                let filler = record(None, 16, 1, 60, &text.repeat(3));
                let mut all = q.records(&[REAL]);
                all.extend(vec![filler; 82]);
                vec![q.send(q.reply(&all))]
            })
        },
    },
    Case { name: "wrong-id-first", keys: NONE, acts: |q| forged_first(q, |m| m[0] ^= 1) },
    Case { name: "wrong-name-first", keys: NONE, acts: |q| forged_first(q, |m| m[13] ^= 2) },
    Case {
        name: "wrong-type-first",
        keys: NONE,
        acts: |q| {
            forged_first(q, |m| {
                let end = m.iter().skip(12).position(|b| *b == 0).unwrap() + 12;
                m[end + 2] ^= 2;
            })
        },
    },
    Case { name: "a-question-first", keys: NONE, acts: |q| forged_first(q, |m| m[2] = 1) },
    Case { name: "cut-first", keys: NONE, acts: |q| forged_first(q, |m| m.truncate(20)) },
    Case {
        name: "loop-first",
        keys: NONE,
        acts: |q| {
            forged_first(q, |m| {
                let end = m.len() as u8;
                m.extend([0xc0, end]);
                m[7] += 1;
            })
        },
    },
    Case { name: "long-first", keys: NONE, acts: |q| forged_first(q, |m| m.resize(5000, 0)) },
    Case {
        name: "other-port-first",
        keys: NONE,
        acts: |q| vec![Step::SendFrom(DNS, lie(q)), Step::Wait(MS * 20), right(q)],
    },
    Case {
        name: "other-host-first",
        keys: NONE,
        acts: |q| vec![Step::SendFrom(REAL, lie(q)), Step::Wait(MS * 20), right(q)],
    },
    Case {
        name: "flood-first",
        keys: NONE,
        acts: |q| {
            let mut forged = lie(q);
            forged[1] ^= 0x55;
            match q.tcp {
                true => vec![right(q)],
                false => vec![Step::Send(forged); 3000],
            }
        },
    },
    Case {
        name: "unasked-after",
        keys: NONE,
        acts: |q| {
            let mut steps = vec![right(q), Step::Wait(MS * 20)];
            steps.extend(vec![Step::Send(lie(q)); 100]);
            steps
        },
    },
    Case {
        name: "among-many",
        keys: PINNED,
        acts: |q| {
            over_tcp(q, |q| {
                let mut all: Vec<IpAddr> = (100..220).map(v4).collect();
                all.push(REAL);
                answers(q, &all)
            })
        },
    },
    Case { name: "liars-too", keys: PINNED, acts: |q| answers(q, &[LIAR, REAL, v4(2)]) },
    Case { name: "fixed", keys: ", pinned: [203.0.113.1], resolve: false", acts: wrong },
];

/// No right answer ever comes.
const BAD: &[Case] = &[
    Case { name: "silent", keys: NONE, acts: |_| vec![] },
    Case { name: "formerr", keys: NONE, acts: |q| code(q, 1) },
    Case { name: "servfail", keys: NONE, acts: |q| code(q, 2) },
    Case { name: "nxdomain", keys: NONE, acts: |q| code(q, 3) },
    Case { name: "refused", keys: NONE, acts: |q| code(q, 5) },
    Case { name: "empty", keys: NONE, acts: |q| answers(q, &[]) },
    Case { name: "special", keys: NONE, acts: |q| answers(q, &special(&[])) },
    Case { name: "metadata", keys: NONE, acts: |q| answers(q, &[[169, 254, 169, 254].into()]) },
    Case { name: "attackers-net", keys: NONE, acts: |q| answers(q, &[ATTACKER]) },
    Case { name: "liar", keys: PINNED, acts: wrong },
    Case {
        name: "many-liars",
        keys: PINNED,
        acts: |q| {
            over_tcp(q, |q| answers(q, &(60..=70).cycle().take(2000).map(v4).collect::<Vec<_>>()))
        },
    },
    Case { name: "wrong-id", keys: NONE, acts: |q| forged(q, |m| m[1] ^= 1) },
    Case { name: "wrong-name", keys: NONE, acts: |q| forged(q, |m| m[13] ^= 2) },
    Case { name: "other-port", keys: NONE, acts: |q| vec![Step::SendFrom(DNS, lie(q))] },
    Case { name: "other-host", keys: NONE, acts: |q| vec![Step::SendFrom(REAL, lie(q))] },
    Case { name: "flood", keys: NONE, acts: |q| vec![forged(q, |m| m[1] ^= 0x55); 3000].concat() },
    Case {
        name: "other-class",
        keys: NONE,
        acts: |q| vec![q.send(q.reply(&[record(None, q.kind, 3, 60, &[203, 0, 113, 66])]))],
    },
    Case {
        name: "other-kind",
        keys: NONE,
        acts: |q| {
            let other = if q.kind == 1 { 28 } else { 1 };
            let found = [LIAR, REAL_V6].into_iter().filter_map(|ip| address(None, ip, other));
            vec![q.send(q.reply(&found.collect::<Vec<_>>()))]
        },
    },
    Case {
        name: "alias-elsewhere",
        keys: NONE,
        acts: |q| vec![q.send(q.reply(&[alias(None, "evil.test")]))],
    },
    Case {
        name: "alias-loop",
        keys: NONE,
        acts: |q| {
            let links = [alias(None, "a.test"), alias(Some("a.test"), "b.test")];
            let back = alias(Some("b.test"), "a.test");
            let end = address(Some("c.test"), LIAR, q.kind);
            vec![q.send(q.reply(&links.into_iter().chain([back]).chain(end).collect::<Vec<_>>()))]
        },
    },
    Case {
        name: "alias-long",
        keys: NONE,
        acts: |q| {
            let owner = |i: usize| format!("a{i}.test");
            let mut all = vec![alias(None, &owner(0))];
            all.extend((0..40).map(|i| alias(Some(&owner(i)), &owner(i + 1))));
            all.extend(address(Some(&owner(40)), LIAR, q.kind));
            vec![q.send(q.reply(&all))]
        },
    },
    Case {
        name: "pointer-loop",
        keys: NONE,
        acts: |q| {
            forged(q, |m| {
                let end = m.len() as u8;
                m.extend([0xc0, end]);
                m[7] += 1;
            })
        },
    },
    Case { name: "over-4096", keys: NONE, acts: |q| forged(q, |m| m.resize(5000, 0)) },
    Case {
        name: "tcp-silent",
        keys: NONE,
        acts: |q| over_tcp(q, |_| vec![Step::Wait(MS * 60_000)]),
    },
    Case { name: "tcp-closed", keys: NONE, acts: |q| over_tcp(q, |_| vec![]) },
    Case {
        name: "tcp-drips",
        keys: NONE,
        acts: |q| {
            over_tcp(q, |q| {
                let message = lie(q);
                let length = (message.len() as u16).to_be_bytes();
                let bytes = [&length[..], &message].concat();
                bytes.iter().flat_map(|b| [Step::Send(vec![*b]), Step::Wait(MS * 500)]).collect()
            })
        },
    },
    Case {
        name: "tcp-too-long",
        keys: NONE,
        acts: |q| over_tcp(q, |q| vec![Step::Send([&[0xff, 0xff], lie(q).as_slice()].concat())]),
    },
    Case {
        name: "tcp-too-short",
        keys: NONE,
        acts: |q| over_tcp(q, |q| vec![Step::Send([&[0, 20], lie(q).as_slice()].concat())]),
    },
    Case {
        name: "tcp-nothing",
        keys: NONE,
        acts: |q| over_tcp(q, |_| vec![Step::Send(vec![0, 0])]),
    },
    Case { name: "tcp-cut-again", keys: NONE, acts: |q| cut(q, lie(q)) },
    Case { name: "tcp-foreign", keys: NONE, acts: |q| over_tcp(q, |q| forged(q, |m| m[1] ^= 1)) },
    Case {
        name: "tcp-random",
        keys: NONE,
        acts: |q| {
            over_tcp(q, |_| {
                vec![Step::Send((0..70_000_u32).map(|i| ((i * 7919) >> 5) as u8).collect())]
            })
        },
    },
];

#[test]
fn nothing_that_a_nameserver_does_leads_anywhere_else() {
    let names: Vec<_> = ODD.iter().chain(BAD).map(|case| case.name).collect();
    let mut scene = stage(&names);
    let mut config = String::new();
    for case in ODD.iter().chain(BAD) {
        config += &provider(&scene, case.name, case.keys);
        scene.range.dns.set(&host(case.name), Record::Crafted(case.acts));
    }
    scene.range.dns.set("evil.test", Record::Crafted(wrong));
    scene.launch_on(&configuration(&config, &[DNS]), &[]).unwrap();

    wait_for("all that can be reached", 40, || {
        ODD.iter().map(|case| (case.name, ask(&scene, case.name).status)).find(|c| c.1 != 200)
    });
    for case in BAD {
        let answer = ask(&scene, case.name);
        assert_eq!((answer.status, answer.reason()), (503, Some("no-address")), "{}", case.name);
    }
    // One round later, every nameserver that was right turns bad. Those with `pinned` meet all
    // kinds, the others only those that do not depend on it.
    let asked = |name: &str| scene.range.dns.log().iter().filter(|q| q.name == host(name)).count();
    let turning: Vec<_> = ODD.iter().filter(|case| case.name != "fixed").collect();
    let before: Vec<_> = turning.iter().map(|case| asked(case.name)).collect();
    let unpinned: Vec<_> = BAD.iter().filter(|case| case.keys == NONE).collect();
    for (i, case) in turning.iter().enumerate() {
        let bad = match case.keys {
            NONE => unpinned[i % unpinned.len()].acts,
            _ => wrong,
        };
        scene.range.dns.set(&host(case.name), Record::Crafted(bad));
    }
    wait_for("a second question about every name", 120, || {
        turning.iter().zip(&before).find(|(case, n)| asked(case.name) <= **n).map(|c| c.0.name)
    });
    std::thread::sleep(Duration::from_secs(6)); // the longest patience with TCP
    for case in ODD {
        let answer = ask(&scene, case.name);
        assert_eq!(answer.status, 200, "{}: {}", case.name, answer.text());
    }
    for case in BAD {
        assert_eq!(ask(&scene, case.name).status, 503, "{}", case.name);
    }
    let configured: Vec<_> = ODD.iter().chain(BAD).map(|case| host(case.name)).collect();
    judge(&scene, &configured, &[]);
    assert!(!scene.range.dns.names().contains(&host("fixed")), "a fixed address was asked for");
}

#[test]
fn pins_are_what_keeps_a_liars_public_address_out() {
    let mut scene = stage(&[]);
    let control = Attacker::start(&scene.range.lab.net, &[(CONTROL, 443)]).unwrap();
    let config = provider(&scene, "unpinned", NONE) + &provider(&scene, "pinned", PINNED);
    for name in ["unpinned", "pinned"] {
        scene.range.dns.addresses(&host(name), &[CONTROL]);
    }
    scene.launch_on(&configuration(&config, &[DNS]), &[]).unwrap();
    // The control: without pins a connection is made, and no request is sent on it.
    wait_for("a connection to the liar's address", 10, || {
        let status = ask_within(&scene, "unpinned", Duration::from_secs(12)).map(|a| a.status);
        (control.caught().is_empty() || status == Some(503)).then_some(status)
    });
    let hellos = control.caught().iter().filter(|c| !c.data.is_empty()).count();
    let connections = control.caught().len();
    assert!(control.caught().iter().all(|c| c.data.is_empty() || c.data.starts_with(&[22, 3])));
    assert!(hellos > 0);
    for _ in 0..5 {
        assert_eq!(ask(&scene, "pinned").reason(), Some("no-address"));
    }
    assert_eq!(control.caught().len(), connections, "the pinned provider led there");
    let log = scene.daemon().unwrap().log().join("\n");
    assert!(log.contains("addresses that may not be used"), "{log}");
    assert!(!log.contains("203.0.113.67"), "{log}");
    judge(&scene, &[host("unpinned"), host("pinned")], &[(TCP, CONTROL, 443)]);
}

#[test]
fn a_second_nameserver_makes_up_for_the_first() {
    let mut scene = stage(&["dead", "failing", "ignorant", "lying", "private", "stalling"]);
    let first = Dns::start(&scene.range.lab.net, (PROVIDER_B, 53).into()).unwrap();
    type Case = (&'static str, &'static str, fn(&Asked) -> Vec<Step>);
    let cases: &[Case] = &[
        ("dead", NONE, |_| vec![]),
        ("failing", NONE, |q| code(q, 2)),
        ("ignorant", NONE, |q| code(q, 3)),
        ("lying", PINNED, wrong),
        ("private", NONE, |q| answers(q, &[ATTACKER])),
        ("stalling", NONE, |q| over_tcp(q, |_| vec![Step::Wait(MS * 60_000)])),
    ];
    let mut config = String::new();
    for (name, keys, acts) in cases {
        config += &provider(&scene, name, keys);
        first.set(&host(name), Record::Crafted(*acts));
        scene.range.dns.set(&host(name), Record::Crafted(honest));
    }
    scene.launch_on(&configuration(&config, &[PROVIDER_B, DNS]), &[]).unwrap();
    wait_for("all that can be reached", 40, || {
        cases.iter().map(|case| (case.0, ask(&scene, case.0).status)).find(|c| c.1 != 200)
    });
    let names: Vec<_> = cases.iter().map(|case| host(case.0)).collect();
    assert!(first.names().iter().all(|name| names.contains(name)), "{:?}", first.names());
    judge(&scene, &names, &[(UDP, PROVIDER_B, 53), (TCP, PROVIDER_B, 53)]);
}

/// What code inside the resolver could do: send the warden whatever it likes, as fast as it can.
#[test]
fn a_resolver_that_floods_the_warden_changes_nothing() {
    let mut scene = stage(&["plain", "pinned"]);
    let config = provider(&scene, "plain", NONE) + &provider(&scene, "pinned", PINNED);
    for name in ["plain", "pinned"] {
        scene.range.dns.set(&host(name), Record::Crafted(honest));
    }
    scene.launch_on(&configuration(&config, &[DNS]), &[]).unwrap();
    wait_for("both routes", 10, || {
        ["plain", "pinned"].into_iter().find(|name| ask(&scene, name).status != 200)
    });
    let channel = channel_to_warden(&scene);
    let lines = scene.daemon().unwrap().log().len();
    let (mut sent, until) = (0_u32, Instant::now() + Duration::from_secs(4));
    let mut answers = 0;
    while Instant::now() < until {
        for addresses in [vec![v4(sent as u8)], vec![LIAR, ATTACKER], special(&[])] {
            for number in 0..2 {
                let route = RouteId { epoch: FIRST_EPOCH, number };
                let addresses = addresses.clone();
                let message = ToWarden::Answer { route, ttl_secs: sent, addresses }.encode();
                match send(channel.as_raw_fd(), &message, MsgFlags::MSG_DONTWAIT) {
                    Ok(_) => sent += 1,
                    Err(Errno::EAGAIN) => std::thread::sleep(MS),
                    Err(error) => panic!("the warden is gone: {error}"),
                }
            }
        }
        if sent / 500 > answers {
            answers += 1;
            let name = ["plain", "pinned"][answers as usize % 2];
            assert_eq!(ask(&scene, name).status, 200, "{name}, after {sent} messages");
        }
    }
    assert!(sent > 5000 && answers > 5, "no flood: {sent} messages, {answers} answers");
    println!("{sent} messages, {answers} answers");
    let log = scene.daemon().unwrap().log();
    let admitted = log.iter().filter(|line| line.contains("addresses admitted")).count();
    assert_eq!(admitted, 2, "{log:#?}");
    assert!(log.len() - lines <= 4, "{:#?}", &log[lines..]);
    let began = Instant::now();
    scene.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "slow to stop");
    judge(&scene, &[host("plain"), host("pinned")], &[]);
}

/// The resolver's own end: its only socket of that kind.
fn channel_to_warden(scene: &Scene) -> OwnedFd {
    let pid = scene.daemon().unwrap().role("resolver").unwrap().pids[0];
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    fds.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|fd| take_descriptor(pid, fd).ok())
        .find(|fd| getsockopt(fd, sockopt::SockType) == Ok(SockType::SeqPacket))
        .unwrap()
}

/// A scene with one provider for all names, at addresses that count as public.
fn stage(names: &[&str]) -> Scene {
    let scene = Scene::empty().unwrap();
    let net = &scene.range.lab.net;
    for ip in [REAL, LIAR, CONTROL] {
        net.ip(&format!("addr add {ip}/32 dev net0")).unwrap();
    }
    net.ip(&format!("-6 addr add {REAL_V6}/128 dev net0 nodad")).unwrap();
    let hosts: Vec<_> = names.iter().map(|name| host(name)).collect();
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    for ip in [REAL, REAL_V6] {
        let server = scene.authority.server(&hosts).unwrap();
        Provider::start(net, SocketAddr::new(ip, 443), Some(server)).unwrap();
    }
    scene
}

fn host(name: &str) -> String {
    format!("{name}.test")
}

fn provider(scene: &Scene, name: &str, keys: &str) -> String {
    let ca = scene.dir().join("ca.pem").display().to_string();
    format!(
        "  {name}: {{ base_url: 'https://{}', api: anthropic, ca_file: '{ca}'{keys} }}\n",
        host(name)
    )
}

fn configuration(providers: &str, nameservers: &[IpAddr]) -> String {
    let servers: Vec<_> = nameservers.iter().map(|ip| format!("'{ip}'")).collect();
    let servers = servers.join(", ");
    format!("listen: 127.0.0.1:0\nproviders:\n{providers}dns: {{ nameservers: [{servers}] }}\n")
}

fn ask(scene: &Scene, name: &str) -> Answer {
    ask_within(scene, name, Duration::from_secs(30)).unwrap()
}

fn ask_within(scene: &Scene, name: &str, patience: Duration) -> Option<Answer> {
    let body = samples::ask(Format::Anthropic, "hello", Delivery::Whole);
    let began = Instant::now();
    let answer = scene.post(&format!("/{name}/v1/messages"), &body);
    assert!(began.elapsed() < patience, "{name}");
    answer.ok()
}

/// Waits until nothing is left to wait for.
#[track_caller]
fn wait_for<T: std::fmt::Debug>(what: &str, secs: u64, missing: impl Fn() -> Option<T>) {
    let deadline = Instant::now() + Duration::from_secs(secs);
    while let Some(missing) = missing() {
        assert!(Instant::now() < deadline, "{what}: {missing:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// No packet but to nameserver and provider, and no question but for these names.
fn judge(scene: &Scene, names: &[String], more: &[Destination]) {
    assert_eq!(scene.range.attacker.caught(), []);
    for query in scene.range.dns.log() {
        assert!(names.contains(&query.name), "{query:?}");
        assert!([1, 28].contains(&query.kind), "{query:?}");
    }
    let mut allowed = vec![(TCP, REAL, 443), (TCP, REAL_V6, 443), (UDP, DNS, 53), (TCP, DNS, 53)];
    allowed.extend(more);
    let packets = scene.range.capture.all(&scene.range.lab).unwrap();
    let judged = capture::only(&packets, &allowed);
    assert!(judged.holds(), "{judged}");
    assert!(judged.destinations.contains_key(&format!("{DNS}:53 udp")), "{judged:?}");
}

fn honest(asked: &Asked) -> Vec<Step> {
    vec![right(asked)]
}

fn wrong(asked: &Asked) -> Vec<Step> {
    vec![asked.send(lie(asked))]
}

fn right(asked: &Asked) -> Step {
    asked.send(asked.reply(&asked.records(&[REAL])))
}

fn answers(asked: &Asked, addresses: &[IpAddr]) -> Vec<Step> {
    vec![asked.send(asked.reply(&asked.records(addresses)))]
}

/// An answer whose only fault is the address in it.
fn lie(asked: &Asked) -> Vec<u8> {
    asked.reply(&asked.records(&[LIAR]))
}

/// The lie with something wrong about it.
fn forged(asked: &Asked, spoil: impl Fn(&mut Vec<u8>)) -> Vec<Step> {
    let mut message = lie(asked);
    spoil(&mut message);
    vec![asked.send(message)]
}

fn forged_first(asked: &Asked, spoil: impl Fn(&mut Vec<u8>)) -> Vec<Step> {
    let mut steps = forged(asked, spoil);
    steps.extend([Step::Wait(MS * 20), right(asked)]);
    steps
}

fn code(asked: &Asked, code: u8) -> Vec<Step> {
    forged(asked, |message| message[3] |= code)
}

/// The question in letters of one case, as some servers repeat it.
fn in_lower_case(asked: &Asked) -> Vec<Step> {
    let mut message = asked.reply(&asked.records(&[REAL]));
    message[12..].make_ascii_lowercase();
    vec![asked.send(message)]
}

fn ttl(asked: &Asked, ttl: u32) -> Vec<Step> {
    let records = match asked.kind {
        1 => vec![record(None, 1, 1, ttl, &[203, 0, 113, 1])],
        _ => vec![],
    };
    vec![asked.send(asked.reply(&records))]
}

/// Says "cut" to a datagram.
fn over_tcp(asked: &Asked, acts: impl Fn(&Asked) -> Vec<Step>) -> Vec<Step> {
    if asked.tcp { acts(asked) } else { cut(asked, asked.reply(&[])) }
}

fn cut(asked: &Asked, mut message: Vec<u8>) -> Vec<Step> {
    message[2] |= 2;
    vec![asked.send(message)]
}

/// Addresses that no public name may have, and these.
fn special(more: &[IpAddr]) -> Vec<IpAddr> {
    let special = [
        "127.0.0.1",
        "0.0.0.0",
        "10.77.0.66",
        "100.64.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.77.0.66",
        "::ffff:127.0.0.1",
        "64:ff9b::a4d:42",
        "fd77::66",
        "fe80::1",
        "ff02::1",
    ];
    special.iter().map(|ip| ip.parse().unwrap()).chain(more.iter().copied()).collect()
}

const MS: Duration = Duration::from_millis(1);
const TCP: u8 = 6;
const UDP: u8 = 17;
