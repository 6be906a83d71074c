//! Everything at once: lab, providers, nameserver, attacker, capture and the daemon.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::attack::Range;
use crate::daemon::Daemon;
use crate::http::{Answer, Wire};
use crate::lab::{DNS, PROVIDER_A, PROVIDER_A_V6, PROVIDER_B, PROVIDER_B_V6};
use crate::netns::Namespace;
use crate::provider::{Format, Provider};
use crate::samples::{self, Delivery};
use crate::tls::Authority;

/// The stage of a test. Fields end in their order: the daemon first.
pub struct Scene {
    daemon: Option<Daemon>,
    left_over: LeftOver,
    /// `api.anthropic.com`, at `PROVIDER_A`.
    pub anthropic: Provider,
    /// `api.openai.com`, at `PROVIDER_B`.
    pub openai: Provider,
    /// Lab, capture, attacker and nameserver.
    pub range: Range,
    /// Who has signed the providers' certificates.
    pub authority: Authority,
    dir: TempDir,
}

/// What a daemon leaves in the kernel: an empty cgroup always (the hierarchy's root is read-only
/// to it by then), pins and role groups when it was killed. The next start on the same data
/// directory takes them over, and a scene's directory has none.
struct LeftOver(Option<PathBuf>);

impl Drop for LeftOver {
    fn drop(&mut self) {
        let Some(group) = &self.0 else { return };
        // What is not there, or still in use, stays: nothing here judges a test.
        for role in std::fs::read_dir(group).into_iter().flatten().flatten() {
            drop(std::fs::remove_dir(role.path()));
        }
        drop(std::fs::remove_dir(group));
        let name = group.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let instance = name.trim_start_matches("prxy-");
        drop(std::fs::remove_dir_all(Path::new("/sys/fs/bpf/prxy").join(instance)));
    }
}

/// What differs from the usual configuration.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The pipeline, in YAML flow style.
    pub pipeline: String,
    /// Further lines at the top level.
    pub extra: String,
    /// Environment variables.
    pub env: Vec<(String, String)>,
}

impl Default for Setting {
    fn default() -> Self {
        let pipeline = "[{ airgap: {} }, { guardrails: {} }]".into();
        Self { pipeline, extra: String::new(), env: Vec::new() }
    }
}

impl Scene {
    /// Builds the stage without a daemon; both names resolve.
    pub fn empty() -> Result<Self> {
        Self::empty_with(&[b"http/1.1"])
    }

    /// The usual stage, but for the protocols that the providers offer, best first.
    pub fn start_speaking(protocols: &[&[u8]]) -> Result<Self> {
        let mut scene = Self::empty_with(protocols)?;
        scene.launch(&Setting::default())?;
        scene.wait_for_routes()?;
        Ok(scene)
    }

    fn empty_with(protocols: &[&[u8]]) -> Result<Self> {
        let range = Range::new()?;
        let authority = Authority::new()?;
        let provider = |name: &str, ip: IpAddr| {
            let mut server = ServerConfig::clone(&*authority.server(&[name])?);
            server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Provider::start(&range.lab.net, SocketAddr::new(ip, 443), Some(Arc::new(server)))
        };
        let anthropic = provider(ANTHROPIC, PROVIDER_A)?;
        let openai = provider(OPENAI, PROVIDER_B)?;
        range.dns.addresses(ANTHROPIC, &[PROVIDER_A]);
        range.dns.addresses(OPENAI, &[PROVIDER_B]);
        // Other roles than ours must be able to reach their part of it.
        let mut builder = tempfile::Builder::new();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let dir = builder.prefix("prxy-test-").permissions(open).tempdir()?;
        authority.write_to(dir.path())?;
        Ok(Self {
            daemon: None,
            left_over: LeftOver(None),
            anthropic,
            openai,
            range,
            authority,
            dir,
        })
    }

    /// Builds the stage, starts the daemon and waits until both routes work.
    pub fn start() -> Result<Self> {
        Self::start_with(&Setting::default())
    }

    /// The same with another configuration.
    pub fn start_with(setting: &Setting) -> Result<Self> {
        let mut scene = Self::empty()?;
        scene.launch(setting)?;
        scene.wait_for_routes()?;
        Ok(scene)
    }

    /// Starts the daemon, on the same data directory each time.
    pub fn launch(&mut self, setting: &Setting) -> Result<()> {
        self.launch_on(&self.config(setting), &setting.env)
    }

    /// Starts the daemon on this configuration text.
    pub fn launch_on(&mut self, config: &str, env: &[(String, String)]) -> Result<()> {
        let config = self.write_config(config)?;
        let env: Vec<_> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let daemon = Daemon::start(self.app(), &config, &self.data(), &env)?;
        self.left_over.0 = daemon.role("warden")?.cgroup.parent().map(Path::to_owned);
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Starts the daemon with `--debug`, on a terminal.
    pub fn launch_on_terminal(&mut self, setting: &Setting) -> Result<()> {
        let config = self.write_config(&self.config(setting))?;
        let daemon = Daemon::start_on_terminal(self.app(), &config, &self.data())?;
        self.left_over.0 = daemon.role("warden")?.cgroup.parent().map(Path::to_owned);
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Starts the daemon on this configuration text, expecting it to refuse.
    pub fn refusal(&self, config: &str, env: &[(&str, &str)]) -> Result<Output> {
        Daemon::refusal(self.app(), &self.write_config(config)?, &self.data(), env)
    }

    /// Waits until both providers can be reached, then forgets how that was found out.
    pub fn wait_for_routes(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        for format in [Format::Anthropic, Format::OpenAi] {
            loop {
                let answer = self.ask(format, "hello", Delivery::Whole)?;
                if answer.status == 200 {
                    break;
                }
                if answer.status != 503 || Instant::now() > deadline {
                    bail!("no route: {} {:?} {}", answer.status, answer.reason(), answer.text());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.anthropic.forget();
        self.openai.forget();
        Ok(())
    }

    /// Stops the daemon and waits for its end.
    pub fn stop(&mut self) -> Result<()> {
        let daemon = self.daemon.take().context("no daemon runs")?;
        daemon.stop().map(drop)
    }

    /// Stops the daemon, or finds it ended; how it has ended.
    pub fn end(&mut self) -> Result<ExitStatus> {
        self.daemon.take().context("no daemon runs")?.stop()
    }

    /// The running daemon.
    pub fn daemon(&self) -> Result<&Daemon> {
        self.daemon.as_ref().context("no daemon runs")
    }

    /// The namespace of client and daemon.
    pub fn app(&self) -> &Namespace {
        &self.range.lab.app
    }

    /// The provider of a format.
    pub fn provider(&self, format: Format) -> &Provider {
        match format {
            Format::Anthropic => &self.anthropic,
            Format::OpenAi => &self.openai,
        }
    }

    /// The daemon's data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A directory for the test's own files, gone with the scene.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Sends one user message.
    pub fn ask(&self, format: Format, text: &str, delivery: Delivery) -> Result<Answer> {
        self.post(samples::path(format), &samples::ask(format, text, delivery))
    }

    /// Posts JSON to the daemon.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(samples::post(path, body))
    }

    /// Sends these bytes to the daemon on a connection of their own.
    pub fn send(&self, bytes: Vec<u8>) -> Result<Answer> {
        call(self.app(), self.daemon()?.address, bytes)
    }

    /// The usual configuration, as YAML.
    pub fn config(&self, setting: &Setting) -> String {
        let ca = self.dir.path().join("ca.pem").display().to_string();
        format!(
            "listen: 127.0.0.1:0\n\
             pipeline: {}\n\
             providers:\n\
             \x20 anthropic: {{ base_url: 'https://{ANTHROPIC}', ca_file: '{ca}', private: true }}\n\
             \x20 openai: {{ base_url: 'https://{OPENAI}', ca_file: '{ca}', private: true }}\n\
             dns: {{ nameservers: ['{DNS}'] }}\n\
             {}",
            setting.pipeline, setting.extra
        )
    }

    /// Lets both names resolve to IPv6 as well, and serves there.
    pub fn add_ipv6(&self) -> Result<()> {
        for (name, v4, v6) in
            [(ANTHROPIC, PROVIDER_A, PROVIDER_A_V6), (OPENAI, PROVIDER_B, PROVIDER_B_V6)]
        {
            let server = self.authority.server(&[name])?;
            Provider::start(&self.range.lab.net, SocketAddr::new(v6, 443), Some(server))?;
            self.range.dns.addresses(name, &[v6, v4]);
        }
        Ok(())
    }

    fn write_config(&self, text: &str) -> Result<PathBuf> {
        let data = self.data();
        std::fs::create_dir_all(&data)?;
        let path = self.dir.path().join("config.yaml");
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

/// Sends bytes on a connection of their own and reads one answer, within twenty seconds.
pub fn call(namespace: &Namespace, address: SocketAddr, bytes: Vec<u8>) -> Result<Answer> {
    namespace.block_on(async move {
        let exchange = async {
            let stream = TcpStream::connect(address).await.context("cannot connect")?;
            Wire::new(stream).call(&bytes).await
        };
        tokio::time::timeout(Duration::from_secs(20), exchange).await.context("no answer")?
    })
}

/// The first provider's name.
pub const ANTHROPIC: &str = "api.anthropic.com";
/// The second provider's name.
pub const OPENAI: &str = "api.openai.com";
