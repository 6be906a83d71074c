//! How a new configuration comes to a role: in parts, prepared beside the one in force, then
//! committed or forgotten.
//!
//! Every role parses the exact text that the warden has read, with the same loader. Not for the
//! order in which roles commit: that is `warden::reload`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::wire::{Reader, Writer};
use super::{Figures, FromWarden, MAX_MESSAGE, Malformed, Obstacle, RouteId, ToWarden};
use crate::config::{Bundles, Config, Origin, Text};
use crate::sys::channel::AsyncChannel;
use crate::sys::time::monotonic;

/// What a role needs to know of a new configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) text: Text,
    /// For the resolver; elsewhere empty.
    pub(crate) nameservers: Vec<SocketAddr>,
    /// For the broker; elsewhere empty.
    pub(crate) bundles: Bundles,
}

impl Proposal {
    /// The messages that carry it.
    pub(crate) fn parts(&self, epoch: u32) -> Vec<Vec<u8>> {
        let bytes = self.encode();
        let total = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let part = |bytes: &[u8]| FromWarden::Part { epoch, total, bytes: bytes.to_vec() }.encode();
        bytes.chunks(PART).map(part).collect()
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(u8::from(self.text.0.is_some()));
        out.block(self.text.0.as_deref().unwrap_or_default().as_bytes());
        let nameservers: Vec<_> = self.nameservers.iter().map(ToString::to_string).collect();
        out.block(nameservers.join(" ").as_bytes());
        for (path, pem) in self.bundles.iter() {
            out.block(path.as_os_str().as_bytes());
            out.block(pem);
        }
        out.done()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let text_of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Malformed);
        let (kind, mut input) = Reader::new(bytes)?;
        let text = text_of(input.block()?)?;
        let text = match kind {
            0 => Text(None),
            1 => Text(Some(text)),
            _ => return Err(Malformed),
        };
        let nameservers = text_of(input.block()?)?
            .split_whitespace()
            .map(|address| address.parse().map_err(|_| Malformed))
            .collect::<Result<_, _>>()?;
        let mut bundles = Vec::new();
        while !input.is_empty() {
            let path = std::ffi::OsString::from_vec(input.block()?.to_vec());
            bundles.push((PathBuf::from(path), input.block()?.to_vec()));
        }
        Ok(Self { text, nameservers, bundles: bundles.into_iter().collect() })
    }
}

/// An order of the warden, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Drain,
    Halt,
    Addresses { route: RouteId, addresses: Vec<IpAddr> },
    Prepare { epoch: u32, proposal: Proposal },
    Commit { epoch: u32 },
    Forget,
    Figures(Figures),
}

/// A role's end of its channel to the warden.
#[derive(Debug)]
pub(crate) struct Orders {
    warden: Arc<AsyncChannel>,
    buffer: Vec<u8>,
    epoch: u32,
    /// The parts so far.
    parts: Vec<u8>,
    heard: Heard,
}

/// When the warden was last heard. One that is stopped watches nothing: whoever sends must not go on
/// for long without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<AtomicU64>);

impl Heard {
    /// Whether it was heard a short while ago, or has not begun to ask for signs of life.
    pub(crate) fn is_recent(&self) -> bool {
        let at = self.0.load(Ordering::Relaxed);
        at == 0 || monotonic().saturating_sub(Duration::from_millis(at)) < MAX_SILENCE
    }

    fn now(&self) {
        let now = u64::try_from(monotonic().as_millis()).unwrap_or(u64::MAX);
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Orders {
    pub(crate) fn new(warden: AsyncChannel) -> Self {
        let buffer = vec![0; MAX_MESSAGE];
        Self {
            warden: Arc::new(warden),
            buffer,
            epoch: 0,
            parts: Vec::new(),
            heard: Heard::default(),
        }
    }

    /// When the warden was last heard, for those who ask before they send.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// The next order; `None`: the warden is gone. May be dropped while it waits.
    ///
    /// # Errors
    /// Those of the channel; `InvalidData` for what no warden would say.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Order>> {
        loop {
            let (length, _dropped) = self.warden.receive(&mut self.buffer).await?;
            if length == 0 {
                return Ok(None);
            }
            let message = FromWarden::decode(&self.buffer[..length])?;
            if message == FromWarden::Ping {
                self.heard.now();
                self.say(&ToWarden::Alive).await?;
                continue;
            }
            if let Some(order) = self.take(message)? {
                return Ok(Some(order));
            }
        }
    }

    /// Tells the warden something.
    ///
    /// # Errors
    /// Those of the channel.
    pub(crate) async fn say(&self, message: &ToWarden) -> io::Result<()> {
        self.warden.send(&message.encode(), None).await
    }

    /// The channel, for those who report by themselves.
    pub(crate) fn warden(&self) -> Arc<AsyncChannel> {
        Arc::clone(&self.warden)
    }

    fn take(&mut self, message: FromWarden) -> Result<Option<Order>, Malformed> {
        Ok(Some(match message {
            FromWarden::Drain => Order::Drain,
            FromWarden::Halt => Order::Halt,
            FromWarden::Addresses { route, addresses } => Order::Addresses { route, addresses },
            FromWarden::Commit { epoch } => Order::Commit { epoch },
            FromWarden::Figures(figures) => Order::Figures(figures),
            // Answered by `next`.
            FromWarden::Ping => return Ok(None),
            FromWarden::Forget => {
                self.parts = Vec::new();
                Order::Forget
            }
            FromWarden::Part { epoch, total, bytes } => {
                if epoch != self.epoch {
                    (self.epoch, self.parts) = (epoch, Vec::new());
                }
                self.parts.extend(bytes);
                let total = usize::try_from(total).map_err(|_| Malformed)?;
                if total > MAX_PROPOSAL || self.parts.len() > total {
                    return Err(Malformed);
                }
                if self.parts.len() < total {
                    return Ok(None);
                }
                let proposal = Proposal::decode(&std::mem::take(&mut self.parts))?;
                Order::Prepare { epoch, proposal }
            }
        }))
    }
}

/// Five questions of the warden, of which one comes every two seconds.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// What stands in the way of a new configuration, and at which route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Objection(pub(crate) Obstacle, pub(crate) Option<u16>);

/// What a role has prepared and not yet put in force.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    origin: Origin,
    prepared: Option<(u32, T)>,
}

impl<T> Pending<T> {
    pub(crate) fn new(origin: &Origin) -> Self {
        Self { origin: origin.clone(), prepared: None }
    }

    /// Parses a proposal and lets `build` make of it what a commit will put in force; what to tell
    /// the warden.
    pub(crate) fn prepare(
        &mut self,
        epoch: u32,
        proposal: &Proposal,
        build: impl FnOnce(&Config) -> Result<T, Objection>,
    ) -> ToWarden {
        let config = self.origin.parse(&proposal.text);
        let built = config.map_err(|_| Objection(Obstacle::Text, None)).and_then(|c| build(&c));
        match built {
            Ok(built) => {
                self.prepared = Some((epoch, built));
                ToWarden::Prepared { epoch }
            }
            Err(Objection(obstacle, route)) => {
                self.prepared = None;
                ToWarden::Refused { epoch, obstacle, route }
            }
        }
    }

    /// What was prepared for `epoch`, while it waits.
    pub(crate) fn of(&mut self, epoch: u32) -> Option<&mut T> {
        self.prepared.as_mut().filter(|(known, _)| *known == epoch).map(|(_, prepared)| prepared)
    }

    /// What was prepared for `epoch`.
    ///
    /// # Errors
    /// `InvalidData` if that was nothing: no warden commits what it was not told to be ready.
    pub(crate) fn commit(&mut self, epoch: u32) -> io::Result<T> {
        match self.prepared.take() {
            Some((prepared, built)) if prepared == epoch => Ok(built),
            _ => Err(Malformed.into()),
        }
    }

    pub(crate) fn forget(&mut self) {
        self.prepared = None;
    }
}

/// Bytes of a part.
const PART: usize = 16 * 1024;
/// The configuration has 1 MiB at most, all trust bundles together 4.
const MAX_PROPOSAL: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::sys::channel::Channel;

    fn proposal(bytes: usize) -> Proposal {
        Proposal {
            text: Text(Some("#".repeat(bytes))),
            nameservers: vec![
                "192.0.2.1:53".parse().unwrap(),
                "[2001:db8::1]:5353".parse().unwrap(),
            ],
            bundles: [("/a.pem".into(), b"A".to_vec()), ("/b.pem".into(), vec![0xff; bytes])]
                .into_iter()
                .collect(),
        }
    }

    fn orders() -> (Channel, Orders) {
        let (ours, theirs) = Channel::pair().unwrap();
        (ours, Orders::new(AsyncChannel::new(theirs).unwrap()))
    }

    #[tokio::test]
    async fn a_proposal_of_any_length_arrives_whole() {
        for bytes in [0, 1, PART - 1, PART, 10 * PART] {
            let (ours, mut orders) = orders();
            let sent = proposal(bytes);
            let parts = sent.parts(2);
            assert!(parts.iter().all(|part| part.len() <= MAX_MESSAGE));
            let sender = std::thread::spawn(move || {
                parts.iter().for_each(|part| ours.send(part, None).unwrap());
                ours
            });
            let order = orders.next().await.unwrap();
            assert_eq!(order, Some(Order::Prepare { epoch: 2, proposal: sent }), "{bytes}");
            drop(sender.join().unwrap());
            assert_eq!(orders.next().await.unwrap(), None);
        }
        let nothing =
            Proposal { text: Text(None), nameservers: Vec::new(), bundles: Bundles::default() };
        assert_eq!(Proposal::decode(&nothing.encode()), Ok(nothing));
    }

    #[tokio::test]
    async fn a_proposal_that_was_given_up_leaves_nothing_behind() {
        let (ours, mut orders) = orders();
        let (first, second) = (proposal(2 * PART), proposal(3));
        ours.send(&first.parts(2)[0], None).unwrap();
        ours.send(&FromWarden::Forget.encode(), None).unwrap();
        assert_eq!(orders.next().await.unwrap(), Some(Order::Forget));
        ours.send(&first.parts(3)[0], None).unwrap();
        second.parts(4).iter().for_each(|part| ours.send(part, None).unwrap());
        let order = orders.next().await.unwrap();
        assert_eq!(order, Some(Order::Prepare { epoch: 4, proposal: second }));
    }

    #[tokio::test]
    async fn what_no_warden_would_send_ends_the_channel() {
        let part =
            |total, bytes: &[u8]| FromWarden::Part { epoch: 2, total, bytes: bytes.to_vec() };
        for messages in [
            vec![part(u32::MAX, b"x")],
            vec![part(1, b"xx")],
            vec![part(4, b"xxx"), part(4, b"xx")],
            vec![part(3, &[9, 0, 0])],
        ] {
            let (ours, mut orders) = orders();
            messages.iter().for_each(|message| ours.send(&message.encode(), None).unwrap());
            let error = orders.next().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{messages:?}");
        }
    }

    #[test]
    fn only_what_was_prepared_can_be_committed() {
        let env = |_: &str| None;
        let data_dir = Some("/nonexistent".into());
        let origin =
            Origin::of(&Sources { config: None, listen: None, data_dir, env: &env, root: false });
        let mut pending = Pending::new(&origin);
        let with = |text: &str| Proposal { text: Text(Some(text.to_owned())), ..proposal(0) };
        let body = |config: &Config| Ok(config.max_body_bytes);
        assert!(pending.commit(2).is_err());
        let good = with("limits: { max_body_bytes: 4096 }");
        assert_eq!(pending.prepare(2, &good, body), ToWarden::Prepared { epoch: 2 });
        assert_eq!((pending.of(2).copied(), pending.of(3).copied()), (Some(4096), None));
        pending.forget();
        assert!(pending.commit(2).is_err());
        assert_eq!(pending.prepare(3, &good, body), ToWarden::Prepared { epoch: 3 });
        let refused = |obstacle, route| ToWarden::Refused { epoch: 4, obstacle, route };
        assert_eq!(
            pending.prepare(4, &with("listen: nowhere"), body),
            refused(Obstacle::Text, None)
        );
        assert!(pending.commit(3).is_err(), "an older one must not come back");
        let objection = |_: &Config| Err(Objection(Obstacle::Roots, Some(7)));
        assert_eq!(pending.prepare(4, &good, objection), refused(Obstacle::Roots, Some(7)));
        assert_eq!(pending.prepare(5, &good, body), ToWarden::Prepared { epoch: 5 });
        assert_eq!(pending.commit(5).unwrap(), 4096);
    }
}
