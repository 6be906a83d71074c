//! Another configuration while requests are on their way.

use super::*;
use crate::redact::{Action, Label};

impl Bed {
    /// Lets the broker alone go over.
    fn commit_broker(&self, epoch: u32, config: &Config) {
        let bundles = Bundles::read(&self.config).unwrap();
        let built = broker::Config::build(config, epoch, &bundles, &self.kept).unwrap();
        self.behind.commit(self.behind.prepare(built));
    }

    fn commit_gateway(&self, epoch: u32, config: &Config) {
        self.gateway.commit(self.gateway.prepare(config, epoch).unwrap());
    }

    fn blocking(&self) -> Config {
        let mut policy = Policy::default();
        policy.actions.insert(Label::new("EMAIL").unwrap(), Action::Block);
        Config { pipeline: vec![Module::Guardrails(policy)], ..self.config.clone() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_masked_by_the_old_policy_waits_and_is_judged_by_the_new_one() {
    let bed = Arc::new(Bed::start().await);
    bed.mock.script(echo);
    let text = messages("ada@corp.example");
    assert_eq!(bed.post("/lab/v1/messages", &text).await.status, 200);

    bed.commit_broker(2, &bed.blocking());
    let waiting = tokio::spawn({
        let (bed, text) = (Arc::clone(&bed), text.clone());
        async move { bed.post("/lab/v1/messages", &text).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished() && bed.mock.seen().len() == 1);
    bed.commit_gateway(2, &bed.blocking());
    let got = waiting.await.unwrap();
    assert_eq!((got.status.as_u16(), got.header("x-prxy-modules")), (400, Some("guardrails")));
    assert_eq!(bed.mock.seen().len(), 1);

    // And back: the same connections, the same numbers.
    let old = bed.config.clone();
    bed.commit_broker(3, &old);
    bed.commit_gateway(3, &old);
    let got = bed.post("/lab/v1/messages", &text).await;
    assert!(got.status == 200 && got.text().contains("ada@corp.example"), "{}", got.text());
    assert_eq!(bed.mock.seen()[0].body, bed.mock.seen()[1].body);
    assert_eq!(bed.mock.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_number_never_means_another_provider() {
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let mut turned = bed.config.clone();
    turned.providers.reverse();
    bed.commit_broker(2, &turned);
    let headers = |route| [("content-type", "application/json"), ("x-prxy-route", route)];
    for (route, reason) in [
        ("1.3", "policy-changed"),
        ("3.3", "policy-changed"),
        ("2.4", "unknown-route"),
        ("3", "unknown-route"),
    ] {
        let body = messages("hello");
        let got = bed.lie(Method::POST, "/v1/messages", &headers(route), body.as_bytes()).await;
        assert_eq!((got.reason(), bed.mock.seen().len()), (reason, 0), "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_comes_too_late_is_made_again_under_the_new_configuration() {
    let bed = Arc::new(Bed::start().await);
    bed.mock.script(echo);
    *bed.dialer.fails.lock().unwrap() = Some(DialError::PolicyChanged);
    let waiting = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.post("/lab/v1/messages", &messages("hello")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    *bed.dialer.fails.lock().unwrap() = None;
    bed.commit_broker(2, &bed.config);
    bed.commit_gateway(2, &bed.config);
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_by_then_is_not_found() {
    let bed = Arc::new(Bed::start().await);
    let mut fewer = bed.config.clone();
    fewer.providers.retain(|provider| provider.name != "lab");
    bed.commit_broker(2, &fewer);
    let waiting = tokio::spawn({
        let bed = Arc::clone(&bed);
        async move { bed.post("/lab/v1/messages", &messages("hello")).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    bed.commit_gateway(2, &fewer);
    let got = waiting.await.unwrap();
    assert_eq!((got.status.as_u16(), got.reason()), (404, "unknown-path"));
    assert!(bed.mock.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_stay_unless_something_that_they_depend_on_changes() {
    let bed = Bed::start().await;
    bed.mock.script(echo);
    let ask = async || {
        let got = bed.post("/anthropic/v1/messages", &messages("hello")).await;
        assert_eq!(got.status, 200, "{}", got.text());
    };
    ask().await;
    assert_eq!((bed.mock.connections(), bed.mock.open()), (1, 1));
    // Another number and another limit: the same connection.
    let mut other = bed.config.clone();
    other.providers.insert(0, other.providers[1].clone());
    other.providers[0].name = "more".to_owned();
    other.max_body_bytes *= 2;
    // The test's dialer knows targets by number.
    bed.commit_broker(2, &other);
    bed.commit_gateway(2, &other);
    ask().await;
    assert_eq!((bed.mock.connections(), bed.mock.open()), (1, 1));
    // Now it must not lead to a private address any more.
    other.providers.iter_mut().for_each(|provider| provider.private = false);
    bed.commit_broker(3, &other);
    bed.commit_gateway(3, &other);
    eventually("the idle connection is closed", || bed.mock.open() == 0).await;
    ask().await;
    assert_eq!((bed.mock.connections(), bed.mock.open()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_way_ends_whole_and_then_its_connection_closes() {
    let bed = Bed::start().await;
    let answer = answer("a long answer");
    let (first, second) = answer.split_at(10);
    let pieces = [first, second].map(|piece| Bytes::copy_from_slice(piece.as_bytes()));
    bed.mock.script(move |_| Play::new(200, "application/json", pieces.to_vec()));
    let stream = TcpStream::connect(bed.address).await.unwrap();
    let headers = [("content-type", "application/json")];
    let body = messages("hello");
    let response = send(stream, Method::POST, "/lab/v1/messages", &headers, body.as_bytes()).await;
    let mut fewer = bed.config.clone();
    fewer.providers.retain(|provider| provider.name != "lab");
    bed.commit_broker(2, &fewer);
    bed.commit_gateway(2, &fewer);
    let got = Got::read(response).await;
    assert_eq!(got.text(), answer);
    eventually("its connection is closed", || bed.mock.open() == 0).await;
}
