//! Cuts a stream of bytes into JSON documents: the elements of an array that grows, or lines.

use std::fmt;

use thiserror::Error;

/// A document may be this long, with what stands before it.
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// Cuts a stream into the objects that stand in its outermost array, or one after the other.
///
/// Every byte is in exactly one [`Document`] or in the rest. What is no JSON comes out as the rest.
#[derive(Default)]
pub struct Documents {
    buffer: Vec<u8>,
    /// Everything before this has been handed out.
    consumed: usize,
    scanned: usize,
    /// Where the current document begins.
    start: Option<usize>,
    depth: usize,
    /// The depth at which documents begin, once the first bracket has been seen.
    outer: Option<usize>,
    in_string: bool,
    escaped: bool,
}

/// One object of a stream.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// What stands between the document before and this one: white space, a comma, a bracket.
    pub lead: &'a [u8],
    /// From brace to brace.
    pub bytes: &'a [u8],
}

/// A document is longer than [`MAX_DOCUMENT_BYTES`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a document is longer than {MAX_DOCUMENT_BYTES} bytes")]
pub struct TooLarge;

impl Documents {
    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.scanned -= self.consumed;
        self.start = self.start.map(|start| start - self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next document that is complete.
    ///
    /// # Errors
    /// It is too large: nothing more is cut, [`Self::finish`] has the bytes.
    pub fn cut(&mut self) -> Result<Option<Document<'_>>, TooLarge> {
        let Some(start) = self.scan() else {
            let waiting = self.buffer.len() - self.consumed;
            return if waiting > MAX_DOCUMENT_BYTES { Err(TooLarge) } else { Ok(None) };
        };
        let lead = std::mem::replace(&mut self.consumed, self.scanned);
        let lead = &self.buffer[lead..start];
        Ok(Some(Document { lead, bytes: &self.buffer[start..self.scanned] }))
    }

    /// The bytes behind the last document.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.consumed);
        *self = Self::default();
        rest
    }

    /// Reads on to the end of a document, and says where it began.
    fn scan(&mut self) -> Option<usize> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            let at = self.scanned;
            self.scanned += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    let outer = *self.outer.get_or_insert(usize::from(byte == b'['));
                    if byte == b'{' && self.depth == outer {
                        self.start = Some(at);
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if Some(self.depth) == self.outer
                        && let Some(start) = self.start.take()
                    {
                        return Some(start);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Shows lengths only: the bytes may hold personal data.
impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.buffer.len() - self.consumed;
        f.debug_struct("Documents").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// Shows the length only: the bytes may hold personal data.
impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> (Vec<(String, String)>, String) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut documents, mut found) = (Documents::default(), Vec::new());
        for chunk in chunks {
            documents.push(chunk);
            while let Some(document) = documents.cut().unwrap() {
                found.push((text(document.lead), text(document.bytes)));
            }
        }
        (found, text(&documents.finish()))
    }

    #[track_caller]
    fn check(stream: &str, expected: &[(&str, &str)], rest: &str) {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let expected = (expected.iter().map(owned).collect::<Vec<_>>(), rest.to_owned());
        assert_eq!(cut(&[stream.as_bytes()]), expected);
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(cut(&bytes), expected);
    }

    #[test]
    fn elements_of_an_array_and_lines_are_documents() {
        check(
            "[{\"a\":[{}]}\n,\r\n{\"b\":\"}]\\\"{\"}]\n",
            &[("[", "{\"a\":[{}]}"), ("\n,\r\n", "{\"b\":\"}]\\\"{\"}")],
            "]\n",
        );
        check("{\"a\":1}\n{\"b\":[2]}\n", &[("", "{\"a\":1}"), ("\n", "{\"b\":[2]}")], "\n");
        check(" {\"error\":{}}", &[(" ", "{\"error\":{}}")], "");
        check("[1,\"{\",[{}]]", &[], "[1,\"{\",[{}]]");
        check("plain", &[], "plain");
        check("[{\"a\":", &[], "[{\"a\":");
    }

    #[test]
    fn a_document_must_not_grow_for_ever() {
        let mut documents = Documents::default();
        documents.push(b"[{\"a\":\"");
        assert!(documents.cut().unwrap().is_none());
        documents.push(&vec![b'x'; MAX_DOCUMENT_BYTES]);
        assert_eq!(documents.cut().map(|_| ()), Err(TooLarge));
        assert_eq!(documents.finish().len(), MAX_DOCUMENT_BYTES + 7);
    }

    proptest! {
        #[test]
        fn every_byte_comes_out_once(bytes in "[\\[\\]{}\",\\\\ a\n]{0,60}", size in 1..7usize) {
            let chunks: Vec<&[u8]> = bytes.as_bytes().chunks(size).collect();
            let (found, rest) = cut(&chunks);
            let all: String = found.into_iter().map(|(lead, own)| lead + &own).collect();
            prop_assert_eq!(all + &rest, bytes);
        }
    }
}
