//! Clients that keep asking while a test does something else, and what became of each request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::http::{Answer, Wire};
use crate::netns::Namespace;
use crate::provider::Format;
use crate::reader;
use crate::samples::{self, Delivery, TICKET};

/// Clients at work; they end when this is dropped.
pub struct Traffic {
    clients: Vec<JoinHandle<()>>,
    tally: Arc<Mutex<Tally>>,
}

/// What became of the requests so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Answered whole, with every value restored.
    pub answered: usize,
    /// Refused, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Nobody listened, or the connection ended before the answer did.
    pub cut: usize,
    /// No end within [`PATIENCE`].
    pub hung: usize,
    /// Answers that say they are whole and are not what they should be.
    pub wrong: Vec<String>,
}

impl Traffic {
    /// Starts `clients` clients, which ask both providers for whole and streamed answers in turn.
    pub fn start(namespace: &Namespace, address: SocketAddr, clients: usize) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let kinds = [
            (Format::Anthropic, Delivery::Streamed),
            (Format::OpenAi, Delivery::Whole),
            (Format::Anthropic, Delivery::Whole),
            (Format::OpenAi, Delivery::Streamed),
        ];
        let client = |number: usize| {
            let tally = tally.clone();
            namespace.spawn(async move {
                for (format, delivery) in kinds.into_iter().cycle().skip(number) {
                    let asked = timeout(PATIENCE, ask(address, format, delivery)).await;
                    tally.lock().unwrap_or_else(PoisonError::into_inner).judge(
                        format,
                        delivery,
                        asked.ok(),
                    );
                    sleep(Duration::from_millis(20)).await;
                }
            })
        };
        let clients = (0..clients).map(client).collect();
        Self { clients, tally }
    }

    /// What became of the requests so far.
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.clients.iter().for_each(JoinHandle::abort);
    }
}

impl Tally {
    fn judge(&mut self, format: Format, delivery: Delivery, answer: Option<Result<Answer>>) {
        let answer = match answer {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => return self.cut += 1,
            None => return self.hung += 1,
        };
        if answer.status != 200 {
            let reason = answer.reason().unwrap_or("without a reason");
            *self.refused.entry(format!("{} {reason}", answer.status)).or_default() += 1;
            return;
        }
        let reading = match delivery {
            Delivery::Whole => reader::whole(format, &answer.body),
            Delivery::Streamed => reader::stream(format, &answer.body),
        };
        match reading {
            Ok(reading) if reading.text == TICKET => self.answered += 1,
            other => self.wrong.push(format!("{format:?} {delivery:?}: {other:?}")),
        }
    }
}

async fn ask(address: SocketAddr, format: Format, delivery: Delivery) -> Result<Answer> {
    let request = samples::request(format, TICKET, delivery);
    Wire::new(TcpStream::connect(address).await?).call(&request).await
}

/// How long a client waits for the end of an answer.
pub const PATIENCE: Duration = Duration::from_secs(20);
