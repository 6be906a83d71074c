//! Everything that was counted, as the text that Prometheus reads.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prxy_common::{Reason, Role, counter_index};

use super::definition::*;
use super::text::Text;
use super::{Known, Metrics, Readiness};
use crate::link::Figures;

/// What the store says of itself; nothing where it cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) entries: Option<u64>,
    pub(crate) bytes: Option<u64>,
}

impl Metrics {
    /// The text, with what the store says.
    pub(crate) fn report(&self, sizes: Sizes) -> String {
        let mut text = Text::default();
        let ready = self.readiness();
        // Numbers of a warden that is not heard are of another time.
        let figures = match ready {
            Readiness::WardenSilent => None,
            _ => self.warden.figures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        text.begin(&INFO).value(&[env!("CARGO_PKG_VERSION")], 1);
        text.begin(&READY).value(&[], u8::from(ready == Readiness::Ready));
        self.requests(&mut text);
        one(&mut text, &VAULT, sizes.entries);
        one(&mut text, &STATE, sizes.bytes);
        kernel(&mut text, figures.as_ref());
        text.done()
    }

    fn requests(&self, text: &mut Text) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { providers, labels, clients } = &*known;
        let providers: Vec<_> = providers
            .iter()
            .map(|(name, it)| (name.as_str(), &**it))
            .chain([("-", &*self.nobody)])
            .collect();

        let mut out = text.begin(&REQUESTS);
        for (name, provider) in &providers {
            for (surface, classes) in SURFACES.iter().zip(&provider.requests) {
                for (class, count) in CLASSES.iter().zip(&classes.0).filter(counted) {
                    out.value(&[name, surface, class], read(count));
                }
            }
        }
        text.begin(&IN_FLIGHT).value(&[], read(&self.in_flight));
        let mut out = text.begin(&REFUSED);
        for (reason, count) in REASONS.iter().chain([&OTHER]).zip(&self.refused.0) {
            out.value(&[reason], read(count));
        }
        let mut out = text.begin(&STAGE);
        for (stage, histogram) in STAGES.iter().zip(&self.stages) {
            out.histogram(&[stage], histogram);
        }
        let mut out = text.begin(&MODULE);
        for (module, histogram) in MODULES.iter().zip(&self.modules) {
            out.histogram(&[module], histogram);
        }
        let mut out = text.begin(&FIRST_BYTE);
        for (name, provider) in &providers {
            out.histogram(&[name], &provider.first_byte);
        }
        let mut out = text.begin(&UPSTREAM);
        for (name, provider) in &providers {
            let results = CLASSES.iter().chain(REASONS).chain([&OTHER]);
            for (result, count) in results.zip(&provider.upstream.0).filter(counted) {
                out.value(&[name, result], read(count));
            }
        }
        let mut out = text.begin(&MASKED);
        for (name, label) in labels {
            out.value(&[name], read(&label.masked));
        }
        let mut out = text.begin(&BLOCKED);
        for (name, label) in labels {
            out.value(&[name], read(&label.blocked));
        }
        let mut out = text.begin(&CACHE);
        for (result, count) in CACHES.iter().zip(&self.caches.0) {
            out.value(&[result], read(count));
        }
        let mut out = text.begin(&CLIENT);
        for (name, client) in clients {
            out.value(&[name, "served"], read(&client.served));
            out.value(&[name, "refused"], read(&client.refused));
        }
    }
}

/// What the warden says; without it the families are there, and empty.
fn kernel(text: &mut Text, figures: Option<&Figures>) {
    let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
    one(text, &UPTIME, figures.map(|it| seconds(it.uptime_ms)));
    let mut out = text.begin(&DECISIONS);
    for role in Role::ALL {
        for reason in Reason::ALL {
            let Some(figures) = figures else { continue };
            let at = usize::try_from(counter_index(*role, *reason)).ok();
            let count = at.and_then(|at| figures.decisions.get(at)).copied().unwrap_or(0);
            let verdict = match (reason.allows(), figures.log_only) {
                (true, _) => "allow",
                (false, true) => "would-deny",
                (false, false) => "deny",
            };
            if count > 0 {
                out.value(&[role.name(), reason.name(), verdict], count);
            }
        }
    }
    one(text, &LOST, figures.map(|it| it.lost_events));
    one(text, &GENERATION, figures.map(|it| it.generation));
    one(text, &GENERATION_AGE, figures.map(|it| seconds(it.generation_age_ms)));
    one(text, &DRAINING, figures.map(|it| it.draining));
    one(text, &EPOCH, figures.map(|it| it.epoch));
    one(text, &LOG_ONLY, figures.map(|it| u8::from(it.log_only)));
    one(text, &AUDIT_LINES, figures.map(|it| it.audit_lines));
    one(text, &AUDIT_OMITTED, figures.map(|it| it.audit_omitted));
}

fn one(text: &mut Text, family: &'static Family, value: Option<impl std::fmt::Display>) {
    let mut out = text.begin(family);
    if let Some(value) = value {
        out.value(&[], value);
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Most combinations never happen.
fn counted<T>((_, count): &(T, &AtomicU64)) -> bool {
    read(count) > 0
}
