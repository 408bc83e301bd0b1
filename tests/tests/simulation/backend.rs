//! Backends: they do with a request what its script says, and check what they are sent.

use std::net::SocketAddr;
use std::rc::Rc;

use ringway_ring::buf::Buf;
use ringway_ring::net::{Listener, Runtime, Stream};
use ringway_ring::sim::{SimListener, SimRuntime, SimStream, World};

use crate::book::{Arrival, Book};
use crate::conditions::{MS, SECOND};
use crate::corpus;
use crate::message::{AskHead, End, Inbox};
use crate::request::{Act, After, Framing, Pace, Request, chunked};
use crate::time::{sleep, within};

/// The ports of every backend.
pub(crate) const PORTS: [u16; 2] = [9000, 9001];

/// The address of a backend.
pub(crate) fn address(backend: usize, port: u16) -> SocketAddr {
    ([10, 9, 0, backend as u8 + 1], port).into()
}

/// Starts the backends of a world.
pub(crate) fn start(world: &mut World, book: &Rc<Book>) {
    for backend in 0..book.conditions.backends {
        let runtime = world.core();
        for port in PORTS {
            let addr = address(backend, port);
            let listener = runtime.listen(addr, 128).expect("simulated addresses are free");
            runtime.spawn(accept(book.clone(), runtime.clone(), listener, addr));
        }
    }
}

async fn accept(book: Rc<Book>, runtime: SimRuntime, listener: SimListener, addr: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let stream = Rc::new(stream);
                let inbox = Inbox::new(runtime.clone(), stream.clone(), 0);
                let (book, runtime) = (book.clone(), runtime.clone());
                let backend = Backend { book, runtime: runtime.clone(), addr, stream };
                runtime.spawn(backend.serve(inbox));
            }
            Err(_) => sleep(&runtime, 10 * MS).await,
        }
    }
}

/// One connection of a backend.
struct Backend {
    book: Rc<Book>,
    runtime: SimRuntime,
    addr: SocketAddr,
    stream: Rc<SimStream>,
}

/// The connection is over.
struct Over;

impl Backend {
    async fn serve(self, mut inbox: Inbox) {
        while self.exchange(&mut inbox).await.is_ok() {}
    }

    async fn exchange(&self, inbox: &mut Inbox) -> Result<(), Over> {
        let head = match inbox.ask_head().await {
            Ok(head) => head,
            Err(End::Bad(what)) => return Err(self.violation(format!("was sent what is not HTTP: {what}"))),
            Err(_) => return Err(Over),
        };
        let id = head.headers.get("X-Sim-Id").unwrap_or("none");
        let Some(request) = self.book.find(id) else {
            let what =
                format!("was sent {} {} with the id {id}, which no client sent", head.method, head.target);
            return Err(self.violation(what));
        };
        let arrival = self.arrived(&request, &head)?;
        match request.script.act {
            Act::Echo => self.echo(inbox, &request, &head, arrival).await?,
            Act::Early(reads) => {
                self.book.with(request.id, |entry| entry.executions += 1);
                self.interim(&request).await?;
                self.pause(request.script.delay).await?;
                self.answer(&request, arrival, usize::MAX).await?;
                let mut rest = Vec::new();
                if !reads || inbox.body(head.length, &mut rest, async |_| {}).await != End::Complete {
                    return Err(Over);
                }
            }
            _ => {
                self.read_body(inbox, &request, &head).await?;
                self.act(&request, arrival).await?;
            }
        }
        self.afterwards(&request).await
    }

    /// A head has come: is it the client's request, as the configuration wants it sent?
    fn arrived(&self, request: &Request, head: &AskHead) -> Result<usize, Over> {
        let book = &self.book;
        let generation = head.headers.get("X-Sim-Generation").and_then(|text| text.parse().ok()).unwrap_or(0);
        let (at_least, arrivals) = book.with(request.id, |entry| {
            entry.arrivals.push(Arrival { at: self.runtime.now(), generation });
            (entry.generation, entry.arrivals.len())
        });
        book.note(self.runtime.now(), || {
            let (id, port) = (request.id, self.stream.peer_addr());
            format!("backend {} from {port}: request {id}, {} {}", self.addr, head.method, head.target)
        });
        let describe = |what: &str| format!("was sent request {} {what}: {head:?}", request.id);
        if !(at_least..=book.published.get()).contains(&generation) || generation == 0 {
            return Err(self.violation(describe("by a configuration that was not current")));
        }
        if head.target != format!("/g{generation}{}", request.path()) {
            return Err(self.violation(describe("with a target of another configuration or request")));
        }
        let authority = book.generations.borrow()[generation].authorities[&request.route].clone();
        if authority != self.addr.to_string() && !authority.starts_with("pool.") {
            return Err(self.violation(describe("that its configuration sends elsewhere")));
        }
        if head.method != request.sent_verb().as_str() {
            return Err(self.violation(describe("with another verb")));
        }
        if arrivals > 1 + usize::from(request.is_idempotent()) {
            return Err(self.violation(describe("too often")));
        }
        Ok(arrivals)
    }

    async fn read_body(&self, inbox: &mut Inbox, request: &Request, head: &AskHead) -> Result<(), Over> {
        let mut body = Vec::new();
        match inbox.body(head.length, &mut body, async |_| {}).await {
            End::Complete => {}
            End::Bad(what) => return Err(self.violation(format!("read a bad body: {what}"))),
            _ => return Err(Over),
        }
        self.check_body(request, &body)
    }

    fn check_body(&self, request: &Request, body: &[u8]) -> Result<(), Over> {
        let whole = self.book.with(request.id, |entry| {
            entry.executions += 1;
            entry.whole_at.is_some()
        });
        self.book.figures.borrow_mut().executions += 1;
        let id = request.id;
        if !whole {
            return Err(self.violation(format!("was made to carry out request {id}, which is not complete")));
        }
        if body != request.upload_bytes() {
            return Err(self.violation(format!("read another body than request {id} has")));
        }
        Ok(())
    }

    /// Does what the script says once the request is there.
    async fn act(&self, request: &Request, arrival: usize) -> Result<(), Over> {
        let part = request.script.length / 2;
        let executions = self.book.with(request.id, |entry| entry.executions);
        if request.script.act == Act::CloseOnce && executions == 1 {
            return Err(Over);
        }
        self.interim(request).await?;
        match request.script.act {
            Act::Never => self.wait_for_the_end(request).await,
            Act::Nonsense(entry) => {
                self.pause(request.script.delay).await?;
                self.send(&corpus::bad_responses()[entry].bytes, request.script.pace).await?;
                Err(Over)
            }
            Act::CutShort => {
                self.answer(request, arrival, part).await?;
                if request.script.framing == Framing::UntilClose {
                    self.stream.set_abortive();
                }
                Err(Over)
            }
            Act::Stall => {
                self.answer(request, arrival, part).await?;
                self.wait_for_the_end(request).await
            }
            _ => {
                self.pause(request.script.delay).await?;
                self.check_cancelled(request);
                self.answer(request, arrival, usize::MAX).await
            }
        }
    }

    async fn interim(&self, request: &Request) -> Result<(), Over> {
        let hint = "h".repeat(request.script.hint);
        for status in &request.script.interim {
            let answer = format!("HTTP/1.1 {status} Wait\r\nLink: {hint}\r\n\r\n");
            self.send(answer.as_bytes(), Pace::WHOLE).await?;
        }
        Ok(())
    }

    /// Sends the head, and the body up to `limit` bytes.
    async fn answer(&self, request: &Request, arrival: usize, limit: usize) -> Result<(), Over> {
        let script = &request.script;
        let mut bytes = self.head(request, arrival, script.framing, script.length);
        let whole = request.answer_bytes(arrival);
        let body = &whole[..whole.len().min(limit)];
        match script.framing {
            Framing::Chunked if request.answer_has_body() => {
                let end: &[u8] = if limit == usize::MAX { b"0\r\n\r\n" } else { b"" };
                bytes.extend(chunked(body, (body.len() / 7).clamp(1, 9000), end));
            }
            _ => bytes.extend_from_slice(body),
        }
        self.send(&bytes, script.pace).await
    }

    fn head(&self, request: &Request, arrival: usize, framing: Framing, length: usize) -> Vec<u8> {
        let generation = self.book.with(request.id, |entry| entry.arrivals[arrival - 1].generation);
        let framing = match framing {
            _ if matches!(request.script.status, 204 | 304) => String::new(),
            Framing::Length => format!("Content-Length: {length}\r\n"),
            Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => String::new(),
        };
        let closes = request.script.after == After::SaysClose || request.script.act == Act::Early(false);
        let close = if closes { "Connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} Scripted\r\nX-Sim-Id: {}\r\nX-Sim-Arrival: {arrival}\r\nX-Sim-Generation: {generation}\r\n\
             {close}{framing}\r\n",
            request.script.status, request.id
        )
        .into_bytes()
    }

    /// Sends the request's body back while it comes.
    async fn echo(
        &self,
        inbox: &mut Inbox,
        request: &Request,
        head: &AskHead,
        arrival: usize,
    ) -> Result<(), Over> {
        let framing =
            if request.script.framing == Framing::Length { Framing::Length } else { Framing::Chunked };
        self.send(&self.head(request, arrival, framing, request.upload_len()), Pace::WHOLE).await?;
        let mut body = Vec::new();
        let end = inbox
            .body(head.length, &mut body, async |piece| {
                let piece = match framing {
                    Framing::Chunked => chunked(piece, piece.len(), b""),
                    _ => piece.to_vec(),
                };
                let _ = self.send(&piece, Pace::WHOLE).await;
            })
            .await;
        if end != End::Complete {
            return Err(Over);
        }
        self.check_body(request, &body)?;
        match framing {
            Framing::Chunked => self.send(b"0\r\n\r\n", Pace::WHOLE).await,
            _ => Ok(()),
        }
    }

    async fn afterwards(&self, request: &Request) -> Result<(), Over> {
        match request.script.after {
            After::Keep => Ok(()),
            After::SaysClose => Err(Over),
            After::Closes(after) => {
                sleep(&self.runtime, after).await;
                self.book.silent_closes.borrow_mut().push(self.runtime.now());
                Err(Over)
            }
            After::Garbage(after) => {
                sleep(&self.runtime, after).await;
                self.send(b"this is no answer\r\n\r\n", Pace::WHOLE).await
            }
        }
    }

    async fn send(&self, bytes: &[u8], pace: Pace) -> Result<(), Over> {
        let mut from = 0;
        for to in pace.ends(bytes.len()) {
            if from > 0 && pace.pause > 0 {
                self.pause(pace.pause).await?;
            }
            self.stream.send(Buf::copy_of(&bytes[from..to])).await.map_err(|_| Over)?;
            from = to;
        }
        Ok(())
    }

    /// Works for so long, unless nobody waits for the result any more.
    async fn pause(&self, nanoseconds: u64) -> Result<(), Over> {
        if nanoseconds == 0 {
            return Ok(());
        }
        match within(&self.runtime, nanoseconds, self.stream.closed()).await {
            Some(()) => Err(Over),
            None => Ok(()),
        }
    }

    /// The answer does not come: the gateway has to give up in its time.
    async fn wait_for_the_end(&self, request: &Request) -> Result<(), Over> {
        let (started, conditions) = (self.runtime.now(), &self.book.conditions);
        let _ = within(&self.runtime, 100 * SECOND, self.stream.closed()).await;
        let took = self.runtime.now() - started;
        let most = conditions.timeout_of(request.route) + conditions.travel(0) + 1100 * MS;
        if conditions.calm() && took > most {
            let id = request.id;
            self.violation(format!("still had the connection of request {id} after {} ms", took / MS));
        }
        Err(Over)
    }

    /// Work for a client that has left is cancelled: the gateway watches the client's connection, which may take it a second.
    fn check_cancelled(&self, request: &Request) {
        let conditions = &self.book.conditions;
        let left = self.book.with(request.id, |entry| entry.left_at);
        let now = self.runtime.now();
        if let Some(left) =
            left.filter(|left| conditions.calm() && now > left + 1200 * MS + conditions.travel(0))
        {
            let late = (now - left) / MS;
            self.violation(format!("worked {late} ms for request {}, whose client had left", request.id));
        }
    }

    fn violation(&self, text: String) -> Over {
        self.book.violation(format!("backend {} {text}", self.addr));
        Over
    }
}
