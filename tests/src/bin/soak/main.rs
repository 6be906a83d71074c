//! A long life in a short time: conversations without end against a real service, while clients hang
//! up, providers fail, the configuration is reloaded and roles are killed.
//!
//! Judged in the end: no packet outside the policy, no raw value at a provider, no answer lost while
//! nothing failed, no memory or descriptor that is never given back.
#![expect(clippy::print_stdout, reason = "a program whose output is a report")]

mod clients;
mod judge;
mod plot;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use prxy_tests::provider::{Delta, Ending, Reply, Script, Split};
use prxy_tests::random::Random;
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{ADDRESS, Service, UNIT};

use crate::clients::{Clients, Tally};
use crate::judge::Wire;
use crate::watch::Watch;

fn main() -> Result<()> {
    let Options { minutes, plot } = Options::read()?;
    let whole = Duration::from_secs(minutes * 60);
    let service = Service::install()?;
    let pipeline = "[{ airgap: {} }, { guardrails: {} }, { exact-cache: {} }, { ipc: {} }]".into();
    let config = service.config(&Setting { pipeline, ..Setting::default() });
    service.configure(&config)?;
    service.drop_in("soak", "[Unit]\nStartLimitBurst=100000\n")?;
    service.systemd.systemctl(&["start", UNIT])?;
    service.answers()?;
    let tally = Arc::new(Tally::default());
    let mut stage = Stage {
        clients: Clients::start(service.scene.app(), ADDRESS, Arc::clone(&tally)),
        wire: Wire::default(),
        watch: Watch::start(&service, Arc::clone(&tally)),
        random: Random::new(7),
        config,
        service,
        tally,
    };
    stage.calm();
    stage.service.answers()?;

    println!("{minutes} minutes: clients that hang up, providers that fail, reloads");
    let began = Instant::now();
    stage.watch.phase("same processes");
    while began.elapsed() < whole * 2 / 3 {
        stage.rest()?;
        match stage.random.below(4) {
            0 => stage.provider_refuses()?,
            1 => stage.provider_cuts()?,
            2 => stage.provider_hangs()?,
            _ => stage.reload()?,
        }
    }
    stage.watch.phase("roles are killed");
    println!("and roles that are killed");
    while began.elapsed() < whole {
        stage.rest()?;
        match stage.random.below(4) {
            0 => stage.restart()?,
            1 => stage.reload()?,
            _ => stage.kill_a_role()?,
        }
    }
    stage.end(&plot)
}

/// What the command line says.
struct Options {
    minutes: u64,
    plot: PathBuf,
}

impl Options {
    fn read() -> Result<Self> {
        let mut options = Self { minutes: 5, plot: "target/soak.svg".into() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{argument} needs a value"))?;
            match argument.as_str() {
                "--minutes" => options.minutes = value.parse().context("--minutes")?,
                "--plot" => options.plot = value.into(),
                _ => bail!("takes --minutes N and --plot FILE"),
            }
        }
        ensure!((1..=MOST_MINUTES).contains(&options.minutes), "1 to {MOST_MINUTES} minutes");
        Ok(options)
    }
}

/// Everything that takes part.
struct Stage {
    service: Service,
    clients: Clients,
    wire: Wire,
    watch: Watch,
    tally: Arc<Tally>,
    random: Random,
    config: String,
}

impl Stage {
    /// Providers that answer as they should.
    fn calm(&self) {
        let pause = Duration::from_millis(2);
        let split = Split { delta: Delta::Bytes(24), pause, ..Split::default() };
        self.script(&Script::echo(split));
    }

    fn script(&self, script: &Script) {
        for provider in [&self.service.scene.anthropic, &self.service.scene.openai] {
            provider.script(script.clone());
        }
    }

    /// A while in which nothing fails, and what came over the wire until now is judged.
    fn rest(&mut self) -> Result<()> {
        sleep(Duration::from_millis(2_000 + self.random.below(2_000)));
        self.wire.judge(&self.service.scene)
    }

    /// While `fail` lasts, and until the requests of that time are over, an answer may be missing.
    fn fault(
        &mut self,
        name: &'static str,
        fail: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.watch.event(name);
        self.tally.faulty(true);
        let failed = fail(self);
        self.calm();
        let works = self.service.answers();
        self.tally.faulty(false);
        failed.and(works.map(drop))
    }

    fn provider_refuses(&mut self) -> Result<()> {
        let status = [429, 500, 503, 529][self.random.below(4) as usize];
        self.fault("provider refuses", |stage| {
            let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#;
            stage.script(&Script::reply(Reply::Status(status, body.into())));
            sleep(Duration::from_millis(700));
            Ok(())
        })
    }

    fn provider_cuts(&mut self) -> Result<()> {
        let after = self.random.below(900) as usize;
        self.fault("provider cuts", |stage| {
            stage.script(&Script { ending: Ending::CutAfter(after), ..Script::default() });
            sleep(Duration::from_millis(700));
            Ok(())
        })
    }

    fn provider_hangs(&mut self) -> Result<()> {
        self.fault("provider hangs", |stage| {
            stage.script(&Script { ending: Ending::HangAfter(2), ..Script::default() });
            sleep(Duration::from_millis(700));
            Ok(())
        })
    }

    /// No fault: whoever asks meanwhile must get an answer.
    fn reload(&mut self) -> Result<()> {
        self.watch.event("reload");
        let other =
            self.config.replace("{ exact-cache: {} }", "{ exact-cache: { ttlSeconds: 999 } }");
        let config = if self.random.below(2) == 0 { &other } else { &self.config };
        self.service.configure(config)?;
        self.service.systemd.systemctl(&["reload", UNIT]).map(drop)
    }

    fn restart(&mut self) -> Result<()> {
        self.fault("restart", |stage| stage.service.systemd.systemctl(&["restart", UNIT]).map(drop))
    }

    fn kill_a_role(&mut self) -> Result<()> {
        self.fault("a role is killed", |stage| {
            let roles: Vec<_> = stage.service.roles().into_values().collect();
            let at = stage.random.below(roles.len().max(1) as u64) as usize;
            roles.get(at).into_iter().for_each(|role| stage.service.kill(&role.name));
            // All end with it.
            let old: Vec<i32> = roles.into_iter().flat_map(|role| role.pids).collect();
            let is_new = |stage: &Self| {
                let now = stage.service.roles();
                now.contains_key("gateway")
                    && now.values().flat_map(|r| &r.pids).all(|p| !old.contains(p))
            };
            let began = Instant::now();
            while !is_new(stage) {
                ensure!(began.elapsed() < Duration::from_secs(30), "not started anew");
                sleep(Duration::from_millis(20));
            }
            Ok(())
        })
    }

    fn end(mut self, plot: &std::path::Path) -> Result<()> {
        self.rest()?;
        drop(self.clients);
        let track = self.watch.end();
        self.wire.judge(&self.service.scene)?;
        self.wire.check_that_it_sees(&self.service.scene)?;
        plot::write(plot, &track)?;
        println!("\n{}", self.tally.report());
        println!("{}", self.wire);
        let mut findings = self.tally.findings();
        findings.extend(self.wire.findings());
        findings.extend(track.leaks());
        println!("{}\nplot: {}", track.report(), plot.display());
        match findings.is_empty() {
            true => {
                println!("holds: no leak, no stray packet, no raw value, no lost answer");
                Ok(())
            }
            false => bail!("{}", findings.join("\n")),
        }
    }
}

const MOST_MINUTES: u64 = 240;
