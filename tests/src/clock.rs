//! A clock on the wall that jumps, for one service and nobody else: a library that the service is
//! made to load first (`clock.c`) adds an offset to the time of day, also in roles that have long
//! shut themselves off from every file.
//!
//! Not for the clocks that the kernel promises never to set back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::systemd::{Service, UNIT};

/// The clock of a service; as long as it is not put anywhere, it is right.
pub struct Clock<'a> {
    service: &'a Service,
    offset: File,
}

impl<'a> Clock<'a> {
    /// Builds the library and restarts the service with it. Needs a C compiler.
    pub fn install(service: &'a Service) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let library = dir.path().join("clock.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror"])
            .arg(format!("-DOFFSET_FILE=\"{OFFSET_FILE}\""))
            .arg("-o")
            .arg(&library)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c"))
            .output()
            .context("cannot run cc")?;
        ensure!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
        let systemd = &service.systemd;
        systemd.install(LIBRARY, &std::fs::read(&library)?, 0o755)?;
        systemd.install(OFFSET_FILE, &[0; 8], 0o644)?;
        let offset = File::options().write(true).open(systemd.path(OFFSET_FILE))?;
        service.drop_in("clock", &format!("[Service]\nEnvironment=LD_PRELOAD={LIBRARY}"))?;
        systemd.systemctl(&["restart", UNIT])?;
        Ok(Self { service, offset })
    }

    /// Puts it so many seconds before or behind the right time, at once and for every process.
    pub fn put(&self, seconds: i64) -> Result<()> {
        Ok(self.offset.write_all_at(&seconds.to_ne_bytes(), 0)?)
    }

    /// Restarts the service with the machine's clock.
    pub fn remove(self) -> Result<()> {
        self.service.drop_in("clock", "")?;
        self.service.systemd.systemctl(&["restart", UNIT]).map(drop)
    }
}

/// The right time.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

const LIBRARY: &str = "/usr/lib/test-clock.so";
const OFFSET_FILE: &str = "/etc/test-clock";
