//! A request that a client makes, and its script: what the backend does with it.

use std::fmt::Write as _;

use ringway_core::http1::Method;
use ringway_core::model::HttpMethod;

use crate::limits;

/// The routes of the simulated API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    Any,
    Item,
    File,
    Fast,
    /// An endpoint with a name and several addresses.
    Pool,
    /// Nobody listens there.
    Nowhere,
    /// Integrations with a verb of their own.
    AsGet,
    AsPost,
    AsHead,
    Mock,
    /// Takes an API key, whose plan has a throttle and a quota; mocked.
    Limited,
    /// Not in the API.
    Unknown,
}

impl Route {
    /// Those that the API has.
    pub(crate) const KNOWN: [Route; 11] = [
        Route::Any,
        Route::Item,
        Route::File,
        Route::Fast,
        Route::Pool,
        Route::Nowhere,
        Route::AsGet,
        Route::AsPost,
        Route::AsHead,
        Route::Mock,
        Route::Limited,
    ];

    /// The resource.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Route::Any => "/any",
            Route::Item => "/items/{item}",
            Route::File => "/files/{proxy+}",
            Route::Fast => "/fast",
            Route::Pool => "/pool",
            Route::Nowhere => "/nowhere",
            Route::AsGet => "/as-get",
            Route::AsPost => "/as-post",
            Route::AsHead => "/as-head",
            Route::Mock => "/mock",
            Route::Limited => "/limited",
            Route::Unknown => "/unknown",
        }
    }

    /// The integration's own verb.
    pub(crate) fn verb(self) -> Option<HttpMethod> {
        match self {
            Route::AsGet => Some(HttpMethod::Get),
            Route::AsPost => Some(HttpMethod::Post),
            Route::AsHead => Some(HttpMethod::Head),
            _ => None,
        }
    }

    /// Whether a backend answers it.
    pub(crate) fn has_backend(self) -> bool {
        !matches!(self, Route::Nowhere | Route::Mock | Route::Limited | Route::Unknown)
    }
}

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    None,
    Length(usize),
    /// So many bytes in chunks of this size.
    Chunked(usize, usize),
    /// As above, and the size line of the chunk after them is wrong.
    Faulty(usize, usize),
}

/// How an answer is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// What a backend does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Reads the request and answers.
    Answer,
    /// Answers when it has seen the head; then reads the rest (`true`) or closes.
    Early(bool),
    /// Sends the body back as it comes.
    Echo,
    /// Carries the request out and closes without an answer, the first time it sees it.
    CloseOnce,
    /// Never answers.
    Never,
    /// Sends the head and a part of the body, and closes.
    CutShort,
    /// Sends the head and a part of the body, and then nothing.
    Stall,
    /// Sends an entry of the corpus of bad responses.
    Nonsense(usize),
}

/// What a backend does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    /// Says `Connection: close` and closes.
    SaysClose,
    /// Closes after this time without having said so.
    Closes(u64),
    /// After this time sends bytes that nobody asked for.
    Garbage(u64),
}

/// A message goes in this many pieces with a pause between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) pieces: usize,
    pub(crate) pause: u64,
}

impl Pace {
    pub(crate) const WHOLE: Pace = Pace { pieces: 1, pause: 0 };

    pub(crate) fn total(self) -> u64 {
        self.pieces as u64 * self.pause
    }

    /// Where the pieces of `len` bytes end.
    pub(crate) fn ends(self, len: usize) -> impl Iterator<Item = usize> {
        let size = len.div_ceil(self.pieces).max(1);
        (1..=len.div_ceil(size)).map(move |piece| (piece * size).min(len))
    }
}

/// What a backend does with a request.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) act: Act,
    /// How long before the answer begins.
    pub(crate) delay: u64,
    pub(crate) status: u16,
    /// Bytes of the body, if the answer has one.
    pub(crate) length: usize,
    pub(crate) framing: Framing,
    pub(crate) pace: Pace,
    /// Interim answers, before the delay.
    pub(crate) interim: Vec<u16>,
    /// Bytes of a header that they have.
    pub(crate) hint: usize,
    pub(crate) after: After,
}

/// A request, complete as its client makes it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Unique in its world; starts at 0.
    pub(crate) id: usize,
    pub(crate) route: Route,
    pub(crate) verb: HttpMethod,
    /// `X-HTTP-Method-Override`
    pub(crate) overriding: Option<HttpMethod>,
    pub(crate) http10: bool,
    /// Whether it asks to keep the connection.
    pub(crate) keeps: bool,
    pub(crate) upload: Upload,
    pub(crate) expects_continue: bool,
    pub(crate) pace: Pace,
    pub(crate) script: Script,
}

impl Request {
    /// Whether it has the API key that its route takes.
    pub(crate) fn has_key(&self) -> bool {
        self.route == Route::Limited && !self.id.is_multiple_of(8)
    }

    /// The verb that the backend sees.
    pub(crate) fn sent_verb(&self) -> HttpMethod {
        self.route.verb().or(self.overriding).unwrap_or(self.verb)
    }

    /// Whether it may be carried out twice (RFC 9110 §9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        !matches!(self.sent_verb(), HttpMethod::Post | HttpMethod::Patch)
    }

    /// The method on the request line.
    pub(crate) fn method(&self) -> Method {
        Method::of(self.verb.as_str().as_bytes())
    }

    /// The path on the request line.
    pub(crate) fn path(&self) -> String {
        match self.route {
            Route::Item => format!("/items/i{}?q={}", self.id, self.id),
            Route::File => format!("/files/f{}/a%20b/c", self.id),
            route => route.resource().to_owned(),
        }
    }

    /// Bytes of the body.
    pub(crate) fn upload_len(&self) -> usize {
        match self.upload {
            Upload::None => 0,
            Upload::Length(len) | Upload::Chunked(len, _) | Upload::Faulty(len, _) => len,
        }
    }

    /// The body: lines that look like requests, so that a gateway that takes it for one is found out.
    pub(crate) fn upload_bytes(&self) -> Vec<u8> {
        let line = |n| format!("POST /any HTTP/1.1\r\nHost: a\r\nX-Sim-Id: u{}.{n}\r\n\r\n", self.id);
        filled(self.upload_len(), line)
    }

    /// The head.
    pub(crate) fn head(&self) -> Vec<u8> {
        let version = if self.http10 { "1.0" } else { "1.1" };
        let mut head = format!(
            "{} {} HTTP/{version}\r\nHost: api.example\r\nX-Sim-Id: {}\r\n",
            self.verb.as_str(),
            self.path(),
            self.id
        );
        if self.has_key() {
            let _ = write!(head, "X-API-Key: {}\r\n", limits::KEY);
        }
        if let Some(verb) = self.overriding {
            let _ = write!(head, "X-HTTP-Method-Override: {}\r\n", verb.as_str());
        }
        match (self.http10, self.keeps) {
            (true, true) => head.push_str("Connection: keep-alive\r\n"),
            (false, false) => head.push_str("Connection: close\r\n"),
            _ => {}
        }
        if self.expects_continue {
            head.push_str("Expect: 100-continue\r\n");
        }
        match self.upload {
            Upload::None => {}
            Upload::Length(len) => drop(write!(head, "Content-Length: {len}\r\n")),
            Upload::Chunked(..) | Upload::Faulty(..) => head.push_str("Transfer-Encoding: chunked\r\n"),
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The body as it is sent.
    pub(crate) fn framed_upload(&self) -> Vec<u8> {
        let bytes = self.upload_bytes();
        match self.upload {
            Upload::None | Upload::Length(_) => bytes,
            Upload::Chunked(_, size) => chunked(&bytes, size, b"0\r\nX-Trailer: t\r\n\r\n"),
            Upload::Faulty(_, size) => chunked(&bytes, size, b"5 \r\nhello\r\n0\r\n\r\n"),
        }
    }

    /// Whether the answer of the backend has a body on the wire.
    pub(crate) fn answer_has_body(&self) -> bool {
        self.sent_verb() != HttpMethod::Head && !matches!(self.script.status, 204 | 304)
    }

    /// The body that the backend makes when it carries the request out for the `execution`-th time: lines that look like
    /// responses, for the same reason.
    pub(crate) fn answer_bytes(&self, execution: usize) -> Vec<u8> {
        if !self.answer_has_body() {
            return Vec::new();
        }
        if self.script.act == Act::Echo {
            return self.upload_bytes();
        }
        let line = |n| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Sim-Id: a{}.{execution}.{n}\r\n\r\n", self.id)
        };
        filled(self.script.length, line)
    }
}

/// `len` bytes of numbered lines.
fn filled(len: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 80);
    let mut number = 0;
    while bytes.len() < len {
        bytes.extend_from_slice(line(number).as_bytes());
        number += 1;
    }
    bytes.truncate(len);
    bytes
}

/// `bytes` in chunks of `size`, and `end`.
pub(crate) fn chunked(bytes: &[u8], size: usize, end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / size * 8 + 32);
    for (number, chunk) in bytes.chunks(size).enumerate() {
        let extension = if number % 7 == 3 { ";x=\"y\"" } else { "" };
        out.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(end);
    out
}
