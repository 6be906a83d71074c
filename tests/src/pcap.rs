//! Reads what tcpdump writes: the pcap format.
//!
//! Not for reading or judging packets; that is the library's `verify`. Format: draft-ietf-opsawg-pcap.

use anyhow::{Result, bail};
use prxy::verify::frame::Packet;

/// Splits a growing pcap stream into packets.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
    started: bool,
}

impl Reader {
    /// Takes the next bytes of the stream and returns the packets they complete.
    pub fn feed(&mut self, bytes: &[u8], our_mac: [u8; 6]) -> Result<Vec<Packet>> {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        if !self.started {
            let Some(header) = self.bytes.get(..GLOBAL_HEADER) else { return Ok(Vec::new()) };
            let magic = le32(header, 0);
            if magic != MAGIC_MICROS && magic != MAGIC_NANOS {
                bail!("not a little-endian pcap stream: magic {magic:08x}");
            }
            if le32(header, 20) & 0xffff != LINKTYPE_ETHERNET {
                bail!("link type {} is not Ethernet", le32(header, 20));
            }
            self.started = true;
            at = GLOBAL_HEADER;
        }
        let mut packets = Vec::new();
        while let Some(header) = self.bytes.get(at..at + RECORD_HEADER) {
            let (stored, len) = (le32(header, 8) as usize, le32(header, 12) as usize);
            let Some(frame) = self.bytes.get(at + RECORD_HEADER..at + RECORD_HEADER + stored)
            else {
                break;
            };
            packets.push(Packet::parse(frame, len, frame.get(6..12) == Some(&our_mac[..])));
            at += RECORD_HEADER + stored;
        }
        self.bytes.drain(..at);
        Ok(packets)
    }
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET: u32 = 1;
const GLOBAL_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use prxy::verify::frame::UDP;

    use super::*;

    /// One UDP datagram 10.77.0.2:5353 > 10.77.0.66:53 with the payload `hi`, as tcpdump stores it.
    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC_MICROS.to_le_bytes());
        bytes.extend([2, 0, 4, 0]);
        bytes.extend([0; 8]);
        bytes.extend(65535u32.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 30, 0, 0, 0, 0, 64, UDP, 0, 0, 10, 77, 0, 2, 10, 77, 0, 66]);
        frame.extend([0x14, 0xe9, 0, 53, 0, 10, 0, 0, b'h', b'i']);
        bytes.extend([0; 8]);
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
        bytes
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_packets() {
        let bytes = sample();
        let whole = Reader::default().feed(&bytes, [2, 0, 0, 0, 0, 2]).unwrap();
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].to_string(), "udp 10.77.0.2:5353 > 10.77.0.66:53 44 bytes");
        assert!(whole[0].outgoing && whole[0].contains(b"hi"));
        for cut in 0..=bytes.len() {
            let mut reader = Reader::default();
            let mut got = reader.feed(&bytes[..cut], [2, 0, 0, 0, 0, 2]).unwrap();
            got.extend(reader.feed(&bytes[cut..], [2, 0, 0, 0, 0, 2]).unwrap());
            assert_eq!(got, whole, "cut at {cut}");
        }
    }

    #[test]
    fn other_streams_are_refused() {
        assert!(Reader::default().feed(&[0; 24], [0; 6]).is_err());
    }
}
