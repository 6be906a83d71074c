//! The metrics of a daemon, read as a monitoring would.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use prxy::metrics::{FAMILIES, Family};
use tokio::net::UnixStream;

use crate::exposition::{self, Row, Series};
use crate::http::{self, Answer, Wire};
use crate::scene::Scene;

/// All samples of one moment.
#[derive(Debug)]
pub struct Metrics(pub BTreeMap<Series, f64>);

impl Metrics {
    /// Reads them on the unix socket in the data directory.
    pub fn read(scene: &Scene) -> Result<Self> {
        let answer = get(scene, "/metrics")?;
        ensure!(answer.status == 200, "{}", answer.status);
        let kind = answer.head.header("content-type");
        ensure!(kind == Some("text/plain; version=0.0.4; charset=utf-8"), "{kind:?}");
        Ok(Self::parse(&answer.text()))
    }

    /// Reads them from the text.
    pub fn parse(text: &str) -> Self {
        let row =
            |family: &&'static Family| -> Row { (family.name, family.kind.word(), family.labels) };
        Self(exposition::parse(text, &FAMILIES.iter().map(row).collect::<Vec<_>>()))
    }

    /// The sum of all series of this name that have these values among their labels'.
    pub fn sum(&self, name: &str, values: &[&str]) -> f64 {
        let of = |(known, labels): &Series| {
            known == name && values.iter().all(|value| labels.iter().any(|(_, own)| own == value))
        };
        self.0.iter().filter(|(series, _)| of(series)).map(|(_, count)| count).sum()
    }
}

/// Asks for a path on the unix socket of the metrics.
pub fn get(scene: &Scene, path: &str) -> Result<Answer> {
    let socket = scene.data().join("metrics.sock");
    let request = http::request("GET", path, &[], b"");
    scene.app().block_on(async move {
        let stream = UnixStream::connect(socket).await.context("cannot connect")?;
        Wire::new(stream).call(&request).await
    })
}
