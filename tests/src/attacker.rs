//! Where an attacker waits: sinks that keep whatever arrives, by TCP and UDP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};

use crate::netns::Namespace;

/// A set of sinks. They end with their namespace.
#[derive(Clone, Default)]
pub struct Attacker {
    caught: Arc<Mutex<Vec<Caught>>>,
}

/// What a sink received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// Where it arrived.
    pub at: SocketAddr,
    /// `tcp` for a connection (even without data), `udp` for a datagram.
    pub by: &'static str,
    /// The data.
    pub data: Vec<u8>,
}

impl Attacker {
    /// Listens with TCP and UDP on every one of these.
    pub fn start(namespace: &Namespace, sinks: &[(IpAddr, u16)]) -> Result<Self> {
        let attacker = Self::default();
        for &(ip, port) in sinks {
            let at = SocketAddr::new(ip, port);
            let tcp =
                namespace.block_on(TcpListener::bind(at)).with_context(|| format!("tcp {at}"))?;
            let udp =
                namespace.block_on(UdpSocket::bind(at)).with_context(|| format!("udp {at}"))?;
            namespace.spawn(attacker.clone().tcp(tcp, at));
            namespace.spawn(attacker.clone().udp(udp, at));
        }
        Ok(attacker)
    }

    /// Everything caught so far.
    pub fn caught(&self) -> Vec<Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, caught: Caught) {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).push(caught);
    }

    async fn tcp(self, listener: TcpListener, at: SocketAddr) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sink = self.clone();
            sink.keep(Caught { at, by: "tcp", data: Vec::new() });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                    sink.keep(Caught { at, by: "tcp", data: buffer[..len].to_vec() });
                }
            });
        }
    }

    async fn udp(self, socket: UdpSocket, at: SocketAddr) {
        let mut buffer = [0; 4096];
        while let Ok(len) = socket.recv(&mut buffer).await {
            self.keep(Caught { at, by: "udp", data: buffer[..len].to_vec() });
        }
    }
}
