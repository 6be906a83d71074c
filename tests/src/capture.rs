//! Watches the wire with tcpdump.
//!
//! Not for judging what went where; that is the library's `verify::judge`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prxy::verify::frame::Packet;
pub use prxy::verify::judge::{Destination, Judged, is_probe, only};
use prxy::verify::technique::link_address;

use crate::lab::{APP_MAC, Lab, NET_LINK, NET_MAC};
use crate::pcap::Reader;
use crate::sys;

/// A running tcpdump on the far end of the wire; stopped when dropped.
pub struct Capture {
    tcpdump: Child,
    shared: Arc<Shared>,
    markers: Mutex<u32>,
}

/// A point in time of a capture: everything sent before it has been recorded.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Default)]
struct State {
    packets: Vec<Packet>,
    error: Option<String>,
}

impl Capture {
    /// Starts tcpdump and waits until it listens.
    pub fn start(lab: &Lab) -> Result<Self> {
        let mut tcpdump = lab
            .net
            .command("tcpdump")
            .args(["-i", NET_LINK, "-n", "-p", "-s", "0", "-B", "8192", "-Z", "root"])
            .args(["--immediate-mode", "-U", "-w", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run tcpdump")?;
        let shared = Arc::new(Shared::default());
        let (stdout, stderr) = (tcpdump.stdout.take(), tcpdump.stderr.take());
        if let Some(mut stdout) = stdout {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut reader = Reader::default();
                let mut chunk = vec![0; 1 << 16];
                while let Ok(len @ 1..) = stdout.read(&mut chunk) {
                    shared.add(reader.feed(&chunk[..len], APP_MAC));
                }
            });
        }
        let mut stderr = BufReader::new(stderr.context("tcpdump has no stderr")?);
        let mut said = String::new();
        while !said.contains("listening on") {
            if stderr.read_line(&mut said)? == 0 {
                drop(tcpdump.wait());
                bail!("tcpdump: {}", said.trim());
            }
        }
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok(Self { tcpdump, shared, markers: Mutex::new(0) })
    }

    /// Makes sure that every frame sent until now is recorded.
    ///
    /// Sends a frame of its own from the far side and waits until tcpdump has shown it.
    pub fn mark(&self, lab: &Lab) -> Result<Mark> {
        let number = {
            let mut markers = self.markers.lock().unwrap_or_else(PoisonError::into_inner);
            *markers += 1;
            *markers
        };
        let mut frame = [APP_MAC, NET_MAC].concat();
        frame.extend(MARKER.to_be_bytes());
        frame.extend(number.to_be_bytes());
        frame.resize(60, 0);
        let marker = frame.clone();
        lab.net.block_on(async move { send_frame(&marker) }).context("cannot send a marker")?;

        let deadline = Instant::now() + Duration::from_secs(10);
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(at) = state.packets.iter().rposition(|p| p.frame == frame) {
                return Ok(Mark(at));
            }
            if let Some(error) = &state.error {
                bail!("capture: {error}");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("tcpdump did not show the marker within ten seconds");
            }
            state = self
                .shared
                .grown
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The packets between two marks.
    pub fn between(&self, from: Mark, to: Mark) -> Vec<Packet> {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.packets[from.0..to.0].iter().filter(|p| p.ethertype != MARKER).cloned().collect()
    }

    /// Everything until now that nobody has taken yet; marks of before are void.
    pub fn take(&self, lab: &Lab) -> Result<Vec<Packet>> {
        let end = self.mark(lab)?;
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = state.packets.drain(..=end.0);
        Ok(taken.filter(|packet| packet.ethertype != MARKER).collect())
    }

    /// Everything from the start until now.
    pub fn all(&self, lab: &Lab) -> Result<Vec<Packet>> {
        let end = self.mark(lab)?;
        Ok(self.between(Mark(0), end))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.tcpdump.kill());
        drop(self.tcpdump.wait());
    }
}

impl Shared {
    fn add(&self, packets: Result<Vec<Packet>>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match packets {
            Ok(packets) => state.packets.extend(packets),
            Err(error) => state.error = Some(error.to_string()),
        }
        self.grown.notify_all();
    }
}

fn send_frame(frame: &[u8]) -> std::io::Result<()> {
    let socket = sys::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
    let index = nix::net::if_::if_nametoindex(NET_LINK)?;
    sys::sendto(&socket, frame, 0, Some(&link_address(index, MARKER, APP_MAC)))?;
    Ok(())
}

/// IEEE "local experimental" ethertype: no protocol handler answers it.
const MARKER: u16 = 0x88b5;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;
    use crate::lab::{APP_V4, ATTACKER, NOBODY, PROVIDER_A, PROVIDER_A_V6};
    use prxy::verify::frame::{ARP, TCP, UDP};

    #[test]
    fn an_idle_wire_is_silent() {
        let lab = Lab::new().unwrap();
        let capture = Capture::start(&lab).unwrap();
        let start = capture.mark(&lab).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let end = capture.mark(&lab).unwrap();
        let got = capture.between(start, end);
        assert!(got.is_empty(), "{}", got.iter().map(|p| format!("{p}\n")).collect::<String>());
    }

    #[test]
    fn packets_are_told_apart_by_destination() {
        let lab = Lab::new().unwrap();
        let capture = Capture::start(&lab).unwrap();
        let allowed = [(TCP, PROVIDER_A, 443), (TCP, PROVIDER_A_V6, 443)];
        for ip in [PROVIDER_A, PROVIDER_A_V6] {
            let address = SocketAddr::new(ip, 443);
            let listener = lab.net.block_on(TcpListener::bind(address)).unwrap();
            lab.app.block_on(TcpStream::connect(address)).unwrap();
            drop(listener);
        }
        let clean = only(&capture.all(&lab).unwrap(), &allowed);
        assert!(clean.holds() && !clean.destinations.is_empty(), "{clean}");
        assert!(clean.destinations.contains_key("10.77.0.1:443 tcp"), "{clean:?}");
        assert!(clean.destinations.contains_key("[fd77::1]:443 tcp"), "{clean:?}");

        lab.app.block_on(async {
            let socket = UdpSocket::bind(SocketAddr::new(APP_V4, 0)).await.unwrap();
            socket.send_to(b"leak", SocketAddr::new(ATTACKER, 443)).await.unwrap();
            socket.send_to(b"leak", SocketAddr::new(PROVIDER_A, 443)).await.unwrap();
            socket.send_to(b"leak", SocketAddr::new(NOBODY, 443)).await.unwrap();
        });
        let judged = only(&capture.all(&lab).unwrap(), &allowed);
        let unexpected: Vec<_> = judged.unexpected.iter().map(|p| p.ip.unwrap()).collect();
        let expected = [ATTACKER, PROVIDER_A];
        assert_eq!(unexpected.iter().map(|ip| ip.dst).collect::<Vec<_>>(), expected, "{judged}");
        assert!(unexpected.iter().all(|ip| ip.protocol == UDP));
        assert!(judged.noise.iter().any(|p| p.ethertype == ARP), "{judged:?}");
    }
}
