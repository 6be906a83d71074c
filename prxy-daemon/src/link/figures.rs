//! What the warden counts, on its way to whoever shows it.

use prxy_common::COUNTERS;

use super::Malformed;
use super::wire::{Reader, Writer};

/// The warden's own numbers: no names, no addresses, no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Whether the kernel's programs only record.
    pub log_only: bool,
    /// The allowlist in force.
    pub generation: u32,
    /// For how long it has been.
    pub generation_age_ms: u64,
    /// Older ones that may still carry flows.
    pub draining: u32,
    /// The configuration in force.
    pub epoch: u32,
    /// Since the start.
    pub uptime_ms: u64,
    /// Decisions that did not fit into the ring buffer.
    pub lost_events: u64,
    /// The number of the audit log's last line.
    pub audit_lines: u64,
    /// Events that it leaves out.
    pub audit_omitted: u64,
    /// Decisions by [`counter_index`](prxy_common::counter_index); without the slot of lost events.
    pub decisions: Vec<u64>,
}

/// How many decisions are told apart.
pub const DECISIONS: usize = COUNTERS as usize - 1;

impl Figures {
    pub(super) fn write(&self, out: &mut Writer) {
        out.u16(u16::from(self.log_only));
        for number in [self.generation, self.draining, self.epoch] {
            out.u32(number);
        }
        for number in [
            self.generation_age_ms,
            self.uptime_ms,
            self.lost_events,
            self.audit_lines,
            self.audit_omitted,
        ] {
            out.u64(number);
        }
        // A reader knows how many there are.
        self.decisions.iter().for_each(|count| out.u64(*count));
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let log_only = match input.u16()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed),
        };
        let (generation, draining, epoch) = (input.u32()?, input.u32()?, input.u32()?);
        Ok(Self {
            log_only,
            generation,
            draining,
            epoch,
            generation_age_ms: input.u64()?,
            uptime_ms: input.u64()?,
            lost_events: input.u64()?,
            audit_lines: input.u64()?,
            audit_omitted: input.u64()?,
            decisions: (0..DECISIONS).map(|_| input.u64()).collect::<Result<_, _>>()?,
        })
    }
}
