//! A small DNS server, UDP and TCP, whose answers are scripted and whose questions are kept.
//!
//! Format: RFC 1035. Not a resolver: what is not scripted does not exist. `Record::Crafted` sends
//! any bytes in any order, as a hostile server would.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::netns::Namespace;

/// A running server. It ends with its namespace.
#[derive(Clone)]
pub struct Dns {
    shared: Arc<Shared>,
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
}

/// What a name is answered with.
#[derive(Clone, Debug)]
pub enum Record {
    /// These addresses, with this time to live in seconds.
    Addresses {
        /// IPv4 go into A, IPv6 into AAAA answers.
        addresses: Vec<IpAddr>,
        /// Seconds.
        ttl_secs: u32,
    },
    /// The name does not exist.
    NxDomain,
    /// The server has failed.
    ServFail,
    /// No answer at all.
    Silence,
    /// An answer whose id is not the question's.
    WrongId(Vec<IpAddr>),
    /// UDP says "truncated" and holds nothing; TCP has these addresses.
    Truncated(Vec<IpAddr>),
    /// These addresses, after a while.
    Late(Vec<IpAddr>, Duration),
    /// Whatever this makes of the question.
    Crafted(fn(&Asked) -> Vec<Step>),
}

/// What a crafted answer does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a datagram, or bytes on the connection as they are.
    Send(Vec<u8>),
    /// Sends a datagram from a new port of this address.
    SendFrom(IpAddr, Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
}

/// A question, for those who answer by hand.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The whole message.
    pub message: Vec<u8>,
    /// 1 is A, 28 is AAAA.
    pub kind: u16,
    /// Whether it came by TCP.
    pub tcp: bool,
    end: usize,
}

impl Asked {
    /// An answer with the question repeated and these records.
    pub fn reply(&self, records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.message[..2].to_vec();
        bytes.extend([0x81, 0x80, 0, 1]);
        bytes.extend((records.len() as u16).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.message[12..self.end]);
        bytes.extend(records.concat());
        bytes
    }

    /// The addresses of the kind that was asked for, as records of the name.
    pub fn records(&self, addresses: &[IpAddr]) -> Vec<Vec<u8>> {
        addresses.iter().filter_map(|ip| address(None, *ip, self.kind)).collect()
    }

    /// Sends a message as it should be: with its length before it on a connection.
    pub fn send(&self, message: Vec<u8>) -> Step {
        let length = (message.len() as u16).to_be_bytes();
        Step::Send(if self.tcp { [&length[..], &message].concat() } else { message })
    }
}

/// The bytes of a record; without an owner it belongs to the name that was asked for.
pub fn record(owner: Option<&str>, kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.map_or(vec![0xc0, 12], name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// An address record, if the address is of the kind.
pub fn address(owner: Option<&str>, ip: IpAddr, kind: u16) -> Option<Vec<u8>> {
    match (ip, kind) {
        (IpAddr::V4(ip), 1) => Some(record(owner, 1, 1, 60, &ip.octets())),
        (IpAddr::V6(ip), 28) => Some(record(owner, 28, 1, 60, &ip.octets())),
        _ => None,
    }
}

/// A record that makes one name an alias of another.
pub fn alias(owner: Option<&str>, target: &str) -> Vec<u8> {
    record(owner, 5, 1, 60, &name(target))
}

fn name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len().min(63) as u8);
        bytes.extend(label.bytes().take(63));
    }
    bytes.push(0);
    bytes
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Lower case, without the final dot.
    pub name: String,
    /// 1 is A, 28 is AAAA.
    pub kind: u16,
    /// Whether it came by TCP.
    pub tcp: bool,
}

#[derive(Default)]
struct Shared {
    records: Mutex<HashMap<String, Record>>,
    log: Mutex<Vec<Query>>,
}

impl Dns {
    /// Starts to listen on both protocols.
    pub fn start(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let udp = namespace.block_on(UdpSocket::bind(address)).context("dns: udp")?;
        let tcp = namespace.block_on(TcpListener::bind(address)).context("dns: tcp")?;
        let shared = Arc::new(Shared::default());
        namespace.spawn(serve_udp(Arc::new(udp), shared.clone()));
        namespace.spawn(serve_tcp(tcp, shared.clone()));
        Ok(Self { shared, address })
    }

    /// Sets what a name is answered with, from now on.
    pub fn set(&self, name: &str, record: Record) {
        let mut records = self.shared.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(name.to_ascii_lowercase(), record);
    }

    /// Sets the addresses of a name, for a minute.
    pub fn addresses(&self, name: &str, addresses: &[IpAddr]) {
        self.set(name, Record::Addresses { addresses: addresses.to_vec(), ttl_secs: 60 });
    }

    /// Every question so far.
    pub fn log(&self) -> Vec<Query> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names asked for, sorted, each once.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.log().into_iter().map(|q| q.name).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The bytes of a question, for clients that ask by hand.
pub fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(self::name(name));
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

async fn serve_udp(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut buffer = [0; 4096];
    while let Ok((len, peer)) = socket.recv_from(&mut buffer).await {
        let (message, socket, shared) = (buffer[..len].to_vec(), socket.clone(), shared.clone());
        tokio::spawn(async move {
            for step in shared.answer(&message, Transport::Udp).await {
                match step {
                    Step::Send(bytes) => drop(socket.send_to(&bytes, peer).await),
                    Step::SendFrom(ip, bytes) => {
                        if let Ok(other) = UdpSocket::bind((ip, 0)).await {
                            drop(other.send_to(&bytes, peer).await);
                        }
                    }
                    Step::Wait(pause) => tokio::time::sleep(pause).await,
                }
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move { drop(serve_stream(stream, &shared).await) });
    }
}

async fn serve_stream(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    loop {
        let len = stream.read_u16().await?;
        let mut message = vec![0; usize::from(len)];
        stream.read_exact(&mut message).await?;
        let steps = shared.answer(&message, Transport::Tcp).await;
        if steps.is_empty() {
            return Ok(());
        }
        for step in steps {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::SendFrom(..) => {}
                Step::Wait(pause) => tokio::time::sleep(pause).await,
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl Shared {
    /// What to do about a question; nothing at all is silence.
    async fn answer(&self, message: &[u8], transport: Transport) -> Vec<Step> {
        let Some((name, kind, end)) = parse(message) else { return Vec::new() };
        let tcp = transport == Transport::Tcp;
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(Query {
            name: name.clone(),
            kind,
            tcp,
        });
        let record =
            self.records.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let question = &message[12..end];
        let id = u16::from_be_bytes([message[0], message[1]]);
        let asked = Asked { message: message.to_vec(), kind, tcp, end };
        let reply = |id, code, addresses: &[IpAddr], ttl_secs| {
            vec![asked.send(build(id, code, question, kind, addresses, ttl_secs))]
        };
        match record.unwrap_or(Record::NxDomain) {
            Record::Addresses { addresses, ttl_secs } => reply(id, 0, &addresses, ttl_secs),
            Record::NxDomain => reply(id, 3, &[], 0),
            Record::ServFail => reply(id, 2, &[], 0),
            Record::Silence => Vec::new(),
            Record::WrongId(addresses) => reply(!id, 0, &addresses, 60),
            Record::Truncated(addresses) if tcp => reply(id, 0, &addresses, 60),
            Record::Truncated(_) => {
                let mut bytes = build(id, 0, question, kind, &[], 0);
                bytes[2] |= 2; // TC
                vec![asked.send(bytes)]
            }
            Record::Late(addresses, pause) => {
                tokio::time::sleep(pause).await;
                reply(id, 0, &addresses, 60)
            }
            Record::Crafted(craft) => craft(&asked),
        }
    }
}

fn parse(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + len)?).to_ascii_lowercase());
        at += len;
    }
    let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
    message.get(at + 2..at + 4)?;
    Some((labels.join("."), kind, at + 4))
}

fn build(
    id: u16,
    code: u8,
    question: &[u8],
    kind: u16,
    addresses: &[IpAddr],
    ttl_secs: u32,
) -> Vec<u8> {
    let matching = |ip: &&IpAddr| (kind == 1 && ip.is_ipv4()) || (kind == 28 && ip.is_ipv6());
    let answers: Vec<_> = addresses.iter().filter(matching).collect();
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1]);
    bytes.extend((answers.len() as u16).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(question);
    for ip in answers {
        let data = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(ttl_secs.to_be_bytes());
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask_udp(server: SocketAddr, name: &str, kind: u16) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&question(7, name, kind), server).await.unwrap();
        let mut buffer = [0; 512];
        let wait = tokio::time::timeout(Duration::from_millis(200), socket.recv(&mut buffer));
        wait.await.ok().map(|len| buffer[..len.unwrap()].to_vec())
    }

    #[test]
    fn scripted_answers_are_given_and_questions_kept() {
        let namespace = Namespace::new("dns").unwrap();
        let dns = Dns::start(&namespace, ([127, 0, 0, 1], 53).into()).unwrap();
        let ip: IpAddr = [10, 1, 2, 3].into();
        dns.addresses("a.test", &[ip]);
        dns.set("silent.test", Record::Silence);
        dns.set("wrong.test", Record::WrongId(vec![ip]));
        dns.set("long.test", Record::Truncated(vec![ip]));
        let server = dns.address;
        let ask = |name: &'static str, kind| {
            namespace.block_on(async move { ask_udp(server, name, kind).await })
        };
        let a = ask("A.test", 1).unwrap();
        assert_eq!((a[1], a[3] & 15, a[7], &a[a.len() - 4..]), (7, 0, 1, &[10, 1, 2, 3][..]));
        assert_eq!(ask("a.test", 28).unwrap()[7], 0);
        assert_eq!(ask("nobody.test", 1).unwrap()[3] & 15, 3);
        assert_eq!(ask("silent.test", 1), None);
        assert_ne!(ask("wrong.test", 1).unwrap()[1], 7);
        assert_eq!(ask("long.test", 1).unwrap()[2] & 2, 2);
        let by_tcp = namespace.block_on(async move {
            let mut stream = TcpStream::connect(server).await.unwrap();
            let question = question(7, "long.test", 1);
            stream.write_u16(question.len() as u16).await.unwrap();
            stream.write_all(&question).await.unwrap();
            let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        });
        assert_eq!((by_tcp[2] & 2, by_tcp[7]), (0, 1));
        let names = ["a.test", "long.test", "nobody.test", "silent.test", "wrong.test"];
        assert_eq!(dns.names(), names);
    }
}
