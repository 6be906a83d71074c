//! What came over the wire and to the providers.

use std::fmt;

use anyhow::{Context, Result, ensure};
use prxy_tests::attack::{self, Confinement, allowed};
use prxy_tests::capture::only;
use prxy_tests::scene::Scene;

use crate::clients::is_raw;

/// The packets and requests so far.
#[derive(Default)]
pub(crate) struct Wire {
    packets: usize,
    requests: usize,
    stray: Vec<String>,
    raw: Vec<String>,
}

impl Wire {
    /// Judges what has come since the last time, and forgets it.
    pub(crate) fn judge(&mut self, scene: &Scene) -> Result<()> {
        let packets = scene.range.capture.take(&scene.range.lab)?;
        self.packets += packets.len();
        let judged = only(&packets, &allowed());
        self.stray.extend(judged.unexpected.iter().map(ToString::to_string));
        for packet in
            packets.iter().filter(|packet| is_raw(&String::from_utf8_lossy(&packet.frame)))
        {
            self.raw.push(packet.to_string());
        }
        for provider in [&scene.anthropic, &scene.openai] {
            let requests = provider.requests();
            provider.forget();
            self.requests += requests.len();
            let texts = requests.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned());
            self.raw.extend(texts.filter(|text| is_raw(text)));
        }
        Ok(())
    }

    /// The same eyes see a packet of somebody who is held by nothing, and a raw value.
    pub(crate) fn check_that_it_sees(&mut self, scene: &Scene) -> Result<()> {
        ensure!(is_raw("w.7@ward-soak.org") && is_raw("+49 30 5550007"), "blind for raw values");
        let technique = attack::technique::by_name("udp4").context("no such technique")?;
        scene.range.attempt(technique, &Confinement::none(scene.range.lab.app.fd()))?;
        let packets = scene.range.capture.take(&scene.range.lab)?;
        ensure!(!only(&packets, &allowed()).holds(), "the capture does not see a stray packet");
        Ok(())
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        let first = |name: &str, all: &[String]| {
            all.first().map(|one| format!("{} {name}, the first: {one}", all.len()))
        };
        let few = (self.requests < 100).then(|| format!("only {} requests", self.requests));
        [first("stray packets", &self.stray), first("raw values", &self.raw), few]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, requests, stray, raw } = self;
        write!(
            f,
            "packets {packets}, of them outside the policy {}; requests at providers {requests}, \
             with a raw value {}",
            stray.len(),
            raw.len()
        )
    }
}
