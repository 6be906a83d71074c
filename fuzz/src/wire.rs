//! What other hosts and other roles say: TLS, DNS, messages.

use prxy::link::{DialReply, DialRequest, FromWarden, ToWarden};
use prxy::netgate::client_hello;
use prxy::resolver::dns::{Kind, Over, Question};

pub(crate) fn client_hello(data: &[u8]) {
    for host in [Some("api.example.com"), None] {
        let _ = client_hello::check(data, host);
    }
}

pub(crate) fn messages(data: &[u8]) {
    if let Ok(message) = ToWarden::decode(data) {
        assert_eq!(ToWarden::decode(&message.encode()), Ok(message));
    }
    if let Ok(message) = FromWarden::decode(data) {
        assert_eq!(FromWarden::decode(&message.encode()), Ok(message));
    }
    if let Ok(message) = DialRequest::decode(data) {
        assert_eq!(DialRequest::decode(&message.encode()), Ok(message));
    }
    if let Ok(message) = DialReply::decode(data) {
        assert_eq!(DialReply::decode(&message.encode()), Ok(message));
    }
    for kind in [Kind::A, Kind::Aaaa] {
        let Ok(question) = Question::new("api.example.com", kind, [0; 34]) else { return };
        // An answer begins as its question does.
        let mut answer = question.bytes();
        answer[2] |= 0x80;
        answer[6..8].copy_from_slice(&[0, 3]);
        answer.extend_from_slice(data);
        for over in [Over::Udp, Over::Tcp] {
            let _ = question.read(&answer, over);
            let _ = question.read(data, over);
        }
    }
}
