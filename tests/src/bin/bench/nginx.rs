//! nginx as a plain reverse proxy to the same TLS upstream: a yardstick, with keep-alive.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prxy_tests::roles;
use prxy_tests::scene::{ANTHROPIC, Scene};
use tokio::net::TcpStream;

/// A running nginx, ended with this value.
pub(crate) struct Nginx {
    child: Child,
    pub address: SocketAddr,
}

impl Nginx {
    pub(crate) fn start(scene: &Scene) -> Result<Self> {
        let dir = scene.dir().join("nginx");
        std::fs::create_dir_all(&dir)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 8088));
        let upstream = scene.anthropic.address;
        let (root, ca) = (dir.display(), scene.dir().join("ca.pem").display().to_string());
        let config = format!(
            "daemon off; user root; worker_processes auto; pid {root}/pid; error_log stderr warn;
             events {{ worker_connections 512; }}
             http {{
               access_log off; client_max_body_size 64m; client_body_buffer_size 1m;
               keepalive_requests 1000000;
               client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
               fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
               upstream up {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
               server {{
                 listen {address};
                 location / {{
                   proxy_pass https://up; proxy_http_version 1.1; proxy_buffering off;
                   proxy_set_header Connection ''; proxy_set_header Host {ANTHROPIC};
                   proxy_ssl_server_name on; proxy_ssl_name {ANTHROPIC};
                   proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca};
                 }}
               }}
             }}"
        );
        let path = dir.join("nginx.conf");
        std::fs::write(&path, config)?;
        let child = scene
            .app()
            .command("nginx")
            .arg("-p")
            .arg(&dir)
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .context("cannot run nginx (apt install nginx-light)")?;
        let mut nginx = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(5);
        while scene.app().block_on(async move { TcpStream::connect(address).await.is_err() }) {
            if nginx.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("nginx does not listen");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(nginx)
    }

    /// RSS and PSS of all its processes, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<(u64, u64)> {
        let master = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        let workers = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        workers.chain([master as i32]).try_fold((0, 0), |(rss, pss), pid| {
            let (r, p) = roles::memory_kib(pid)?;
            Ok((rss + r, pss + p))
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master end its workers.
        let master = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(master, nix::sys::signal::Signal::SIGTERM).ok();
        drop(self.child.wait());
    }
}
