//! The little internet of a test: two namespaces, one wire, every address known.
//!
//! ```text
//! app (client and daemon)                net (everyone else)
//! 10.77.0.2, fd77::2   app0 ════════ net0   10.77.0.1  fd77::1   provider A
//!                                           10.77.0.3  fd77::3   provider B
//!                                           10.77.0.53           DNS server
//!                                           10.77.0.66 fd77::66  attacker
//! ```
//! Neighbours are static and duplicate address detection is off, so an idle wire is silent and
//! any ARP or neighbour discovery that shows up was provoked.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::netns::Namespace;

pub use prxy::verify::ground::{
    ATTACKER, ATTACKER_V6, INSIDE as APP_V4, INSIDE_LINK as APP_LINK, INSIDE_MAC as APP_MAC,
    INSIDE_V6 as APP_V6, NAMESERVER as DNS, NOBODY, OUTSIDE_LINK as NET_LINK,
    OUTSIDE_MAC as NET_MAC, PROVIDER as PROVIDER_A, PROVIDER_V6 as PROVIDER_A_V6,
    SECOND as PROVIDER_B, SECOND_V6 as PROVIDER_B_V6,
};

/// Two namespaces joined by a wire; gone when dropped.
pub struct Lab {
    /// Where client and daemon live.
    pub app: Namespace,
    /// Where everyone else lives.
    pub net: Namespace,
}

impl Lab {
    /// Builds the topology. Needs root and `ip`.
    pub fn new() -> Result<Self> {
        let app = Namespace::new("app")?;
        let net = Namespace::new("net")?;
        let far = net.path();
        // With the same index on both ends the kernel would take up to a second to see them up.
        app.ip(&format!(
            "link add {APP_LINK} index 10 address 02:00:00:00:00:02 type veth \
             peer name {NET_LINK} index 20 address 02:00:00:00:00:01 netns {far}"
        ))?;
        // Attackers may use what other systems allow: ping for everyone, routing headers.
        app.sysctl("ipv4/ping_group_range", "0 2147483647")?;
        app.sysctl("ipv4/ip_unprivileged_port_start", "0")?;
        app.sysctl("ipv4/tcp_fastopen", "3")?;
        for key in ["ipv6/conf/all/seg6_enabled", "ipv6/conf/net0/seg6_enabled"] {
            net.sysctl(key, "1")?;
        }
        for key in ["ipv4/conf/all/accept_source_route", "ipv4/conf/net0/accept_source_route"] {
            net.sysctl(key, "1")?;
        }
        for address in [APP_V4, APP_V6] {
            app.ip(&add(address, APP_LINK))?;
        }
        let far =
            [PROVIDER_A, PROVIDER_B, DNS, ATTACKER, PROVIDER_A_V6, PROVIDER_B_V6, ATTACKER_V6];
        for address in far {
            net.ip(&add(address, NET_LINK))?;
        }
        app.ip(&format!("link set {APP_LINK} up"))?;
        net.ip(&format!("link set {NET_LINK} up"))?;
        for address in far {
            let family = if address.is_ipv6() { "-6 " } else { "" };
            app.ip(&format!(
                "{family}neigh replace {address} lladdr 02:00:00:00:00:01 dev {APP_LINK} nud permanent"
            ))?;
        }
        for (family, address) in [("", APP_V4), ("-6 ", APP_V6)] {
            net.ip(&format!(
                "{family}neigh replace {address} lladdr 02:00:00:00:00:02 dev {NET_LINK} nud permanent"
            ))?;
        }
        // A default route, so that foreign addresses leave by the wire as they would on a host.
        app.ip(&format!("route add default via {PROVIDER_A} dev {APP_LINK}"))?;
        app.ip(&format!("-6 route add default via {PROVIDER_A_V6} dev {APP_LINK}"))?;
        settle(&app, APP_LINK)?;
        settle(&net, NET_LINK)?;
        Ok(Self { app, net })
    }
}

/// Waits until a link is up and the kernel has sent its multicast reports.
fn settle(namespace: &Namespace, link: &'static str) -> Result<()> {
    const QUIET: u32 = 6;
    let (mut quiet, mut before) = (0, String::new());
    for _ in 0..500 {
        let output = namespace.command("ip").args(["-s", "link", "show", link]).output()?;
        let now = String::from_utf8_lossy(&output.stdout).into_owned();
        quiet = if now.contains("state UP") && now == before { quiet + 1 } else { 0 };
        if quiet >= QUIET {
            return Ok(());
        }
        before = now;
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("{link} does not come to rest")
}

fn add(address: IpAddr, link: &str) -> String {
    match address {
        IpAddr::V4(a) => format!("addr add {a}/24 dev {link}"),
        IpAddr::V6(a) => format!("addr add {a}/64 dev {link} nodad"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn every_address_answers_across_the_wire() {
        let lab = Lab::new().unwrap();
        for ip in [PROVIDER_A, PROVIDER_B_V6, ATTACKER, ATTACKER_V6] {
            let address = SocketAddr::new(ip, 443);
            let listener = lab.net.block_on(TcpListener::bind(address)).unwrap();
            lab.net.spawn(async move {
                let (mut peer, _) = listener.accept().await.unwrap();
                peer.write_all(b"hello").await.unwrap();
            });
            let got = lab.app.block_on(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).await.unwrap();
                text
            });
            assert_eq!(got, "hello", "{ip}");
        }
    }

    #[test]
    fn labs_live_side_by_side() {
        let labs: Vec<_> = (0..3).map(|_| Lab::new().unwrap()).collect();
        for lab in &labs {
            lab.net.block_on(TcpListener::bind(SocketAddr::new(PROVIDER_A, 443))).unwrap();
        }
    }
}
