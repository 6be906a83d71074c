//! An embedder that a service on the network offers, in the form that OpenAI and Voyage share.
//!
//! <https://platform.openai.com/docs/api-reference/embeddings>,
//! <https://docs.voyageai.com/reference/embeddings-api>. Not for how the service is reached: that is
//! whoever implements [`Service`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EmbedError, Embedder, Reads, Vector};

/// Asks for embeddings and brings the answer.
pub trait Service: Send + Sync {
    /// The body of a good answer to this body.
    ///
    /// # Errors
    /// There is none; says why, without any text that was sent.
    fn ask(&self, body: Bytes) -> Result<Bytes, String>;
}

/// One model of a service.
pub struct Network<S> {
    name: String,
    model: String,
    service: S,
    /// When it may be asked again after a failure, so that a dead service does not hold up every
    /// request.
    rests_until: Mutex<Option<Instant>>,
}

impl<S: Service> Network<S> {
    /// The model that the provider called `via` calls `model`.
    pub fn new(via: &str, model: &str, service: S) -> Self {
        let name = format!("{via}/{model}");
        Self { name, model: model.to_owned(), service, rests_until: Mutex::new(None) }
    }

    fn ask(&self, text: &str) -> Result<Vector, String> {
        let asked = Asked { model: &self.model, input: [text] };
        let body = serde_json::to_vec(&asked).map_err(|_| "the text makes no JSON".to_owned())?;
        let answer = self.service.ask(body.into())?;
        let Answer { data: [Embedding { embedding }] } =
            serde_json::from_slice(&answer).map_err(|_| NO_EMBEDDINGS.to_owned())?;
        let length = embedding.iter().map(|n| n * n).sum::<f32>();
        // Of numbers that are none, or all nothing, anything would be as near as anything else.
        if embedding.is_empty() || embedding.len() > MAX_DIMENSIONS || !length.is_normal() {
            return Err(NO_EMBEDDINGS.to_owned());
        }
        Ok(Vector::new(embedding))
    }
}

impl<S: Service> Embedder for Network<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reads(&self) -> Reads {
        Reads::Sentences
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn embed(&self, text: &str) -> Result<Vector, EmbedError> {
        let failed = |why| EmbedError::Unavailable { name: self.name.clone(), why };
        let until = || self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if until().is_some_and(|until| Instant::now() < until) {
            return Err(failed("it failed a moment ago".to_owned()));
        }
        // Services refuse a text of nothing.
        if text.trim().is_empty() {
            return Ok(Vector::new(Vec::new()));
        }
        let answer = self.ask(text);
        *until() = answer.is_err().then(|| Instant::now() + REST);
        answer.map_err(failed)
    }
}

#[derive(Serialize)]
struct Asked<'t> {
    model: &'t str,
    input: [&'t str; 1],
}

#[derive(Deserialize)]
struct Answer {
    data: [Embedding; 1],
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f32>,
}

const NO_EMBEDDINGS: &str = "its answer holds no embedding";
const MAX_DIMENSIONS: usize = 16 * 1024;
/// How long a service that failed is left alone.
const REST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Says(&'static str, AtomicU32);

    impl Service for Says {
        fn ask(&self, body: Bytes) -> Result<Bytes, String> {
            self.1.fetch_add(1, Ordering::Relaxed);
            assert_eq!(body, r#"{"model":"m-3","input":["Größe \"7\""]}"#);
            match self.0 {
                "" => Err("status 500".to_owned()),
                said => Ok(said.into()),
            }
        }
    }

    #[track_caller]
    fn check(said: &'static str, expected: Result<&[f32], &str>) {
        let embedder = Network::new("voyage", "m-3", Says(said, AtomicU32::new(0)));
        let asked = || embedder.service.1.load(Ordering::Relaxed);
        assert_eq!(embedder.embed(" ").unwrap(), Vector::new(Vec::new()));
        assert_eq!(asked(), 0);
        let got = embedder.embed("Größe \"7\"");
        match (got, expected) {
            (Ok(vector), Ok(numbers)) => {
                assert_eq!(vector.numbers(), numbers);
                assert!(embedder.embed("Größe \"7\"").is_ok());
                assert_eq!(asked(), 2);
            }
            (Err(error), Err(why)) => {
                let word = format!("the embedder voyage/m-3 cannot be asked: {why}");
                assert_eq!(error.to_string(), word);
                let again = embedder.embed("Größe \"7\"").unwrap_err().to_string();
                assert!(again.contains("a moment ago"), "{again}");
                assert_eq!(asked(), 1);
            }
            (got, expected) => panic!("{said}: {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_service_is_asked_and_what_is_no_embedding_is_none() {
        let openai = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[3,-4.0]}],"model":"m-3","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
        check(openai, Ok(&[0.6, -0.8]));
        check("", Err("status 500"));
        for bad in [
            "{",
            "{}",
            r#"{"data":[]}"#,
            r#"{"data":[{"embedding":[]}]}"#,
            r#"{"data":[{"embedding":[0,0]}]}"#,
            r#"{"data":[{"embedding":[1e39]}]}"#,
            r#"{"data":[{"embedding":"AACAPw=="}]}"#,
            r#"{"data":[{"embedding":[1]},{"embedding":[1]}]}"#,
        ] {
            check(bad, Err(NO_EMBEDDINGS));
        }
    }
}
