//! Which conversations have been seen before, so that the end of one, which comes when it likes,
//! is not taken for another attempt's doing.
//!
//! Not for judging where something went; that is `judge`.

use std::collections::HashSet;
use std::net::IpAddr;

use super::frame::Packet;

/// Conversations whose frames were judged in their own time.
#[derive(Debug, Default)]
pub(super) struct Conversations(HashSet<Conversation>);

type Conversation = (u8, IpAddr, IpAddr, Option<(u16, u16)>);

impl Conversations {
    /// From now on these are old.
    pub(super) fn note<'a>(&mut self, packets: impl IntoIterator<Item = &'a Packet>) {
        self.0.extend(packets.into_iter().filter_map(conversation));
    }

    /// Whether the frame belongs to one of them.
    pub(super) fn know(&self, packet: &Packet) -> bool {
        conversation(packet).is_some_and(|one| self.0.contains(&one))
    }

    /// Whether the frame only acknowledges, or closes, one of them. A frame that opens a
    /// conversation or has a single byte of data in it is never an echo.
    pub(super) fn is_echo(&self, packet: &Packet) -> bool {
        const SYN: u8 = 2;
        let is_bare = |ip| matches!(ip, Some((flags, 0)) if flags & SYN == 0);
        self.know(packet) && packet.ip.is_some_and(|ip| !ip.extended && is_bare(ip.tcp))
    }
}

fn conversation(packet: &Packet) -> Option<Conversation> {
    packet.ip.filter(|ip| ip.ports.is_some()).map(|ip| (ip.protocol, ip.src, ip.dst, ip.ports))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::frame::{TCP, UDP};
    use crate::verify::judge::only;

    const SYN: u8 = 2;
    const ACK: u8 = 16;
    const LAST_ACK: u8 = 17;

    /// A frame from the inside to the attacker.
    fn frame(protocol: u8, from: u16, flags: u8, data: &[u8]) -> Packet {
        let mut l4 = [from.to_be_bytes(), 443_u16.to_be_bytes()].concat();
        if protocol == TCP {
            // Numbers, a header of 32 bytes with its time stamps, flags.
            l4.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x80, flags, 1, 0, 0, 0, 0, 0]);
            l4.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        } else {
            l4.extend([0; 4]);
        }
        l4.extend(data);
        let mut frame = vec![2; 12];
        let length = u16::try_from(20 + l4.len()).unwrap().to_be_bytes();
        frame.extend([8, 0, 0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend([10, 77, 0, 2, 10, 77, 0, 66]);
        frame.extend(l4);
        Packet::parse(&frame, frame.len(), true)
    }

    #[test]
    fn only_the_wordless_end_of_what_was_judged_before_is_an_echo() {
        let mut old = Conversations::default();
        old.note(&[frame(TCP, 4711, SYN, b""), frame(UDP, 4711, 0, b"")]);
        for (what, packet, echo) in [
            ("an acknowledgement", frame(TCP, 4711, ACK, b""), true),
            ("a close", frame(TCP, 4711, LAST_ACK, b""), true),
            ("data", frame(TCP, 4711, ACK, b"x"), false),
            ("a close with data", frame(TCP, 4711, LAST_ACK, b"x"), false),
            ("opened again from the same port", frame(TCP, 4711, SYN, b""), false),
            ("answered from the same port", frame(TCP, 4711, SYN | ACK, b""), false),
            ("a datagram", frame(UDP, 4711, 0, b""), false),
            ("another's acknowledgement", frame(TCP, 4712, ACK, b""), false),
            ("another's close", frame(TCP, 4712, LAST_ACK, b""), false),
        ] {
            assert_eq!(old.is_echo(&packet), echo, "{what}");
            // Each of them would count if it was no echo.
            assert_eq!(only(&[packet], &[]).unexpected.len(), 1, "{what}");
        }
        assert_eq!(frame(TCP, 4711, ACK, b"").len, 66);
    }

    #[test]
    fn an_option_in_the_packet_is_never_an_echo() {
        let mut old = Conversations::default();
        let mut packet = frame(TCP, 4711, ACK, b"");
        old.note([&packet]);
        assert!(old.is_echo(&packet));
        packet.ip.as_mut().unwrap().extended = true;
        assert!(old.know(&packet) && !old.is_echo(&packet));
    }
}
