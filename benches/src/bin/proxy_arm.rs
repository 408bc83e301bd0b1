//! A minimal HTTP/1.1 proxy, the same on every runtime: finds where messages end, passes them on unchanged over pooled
//! upstream connections. It is the floor of what a proxy costs on a runtime, not a proxy to use.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use clap::Parser;
use ringway_benches::http::{self, Message, Refusal};
use ringway_benches::net::{self, Net, Program, Receive, Runtime, Send};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Proxies HTTP/1.1 messages with a Content-Length, unchanged.
#[derive(Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Address of the backend.
    #[arg(long)]
    upstream: SocketAddr,
    /// What to run on.
    #[arg(long, value_enum, default_value = "monoio")]
    runtime: Runtime,
}

/// Buffer of one direction. A larger message is refused: no slice has one.
const BUFFER: usize = 8 * 1024;

/// Idle upstream connections, the last used on top.
type Pool<S> = Rc<RefCell<Vec<S>>>;

impl Program for Options {
    async fn run<N: Net>(self) -> io::Result<()> {
        let listener = N::listen(self.listen)?;
        let pool: Pool<N::Stream> = Rc::default();
        loop {
            let client = N::accept(&listener).await?;
            let (upstream, pool) = (self.upstream, Rc::clone(&pool));
            N::spawn(async move {
                // An error is the end of this connection and of nothing else.
                let _ = serve::<N>(client, upstream, &pool).await;
            });
        }
    }
}

async fn serve<N: Net>(
    mut client: N::Stream,
    upstream: SocketAddr,
    pool: &Pool<N::Stream>,
) -> io::Result<()> {
    let mut request = Vec::with_capacity(BUFFER);
    let mut response = Vec::with_capacity(BUFFER);
    loop {
        let length;
        (length, request) = match whole(&mut client, request, http::request).await? {
            (0, _) => return Ok(()),
            found => found,
        };
        let next = request.split_off(length);
        let idle = pool.borrow_mut().pop();
        let mut server = match idle {
            Some(server) => server,
            None => N::connect(upstream).await?,
        };
        let sent;
        (sent, request) = server.send(request).await;
        sent?;
        let length;
        (length, response) = whole(&mut server, response, http::response).await?;
        if length != response.len() || length == 0 {
            return Err(io::Error::other("the backend sent more or less than one response"));
        }
        pool.borrow_mut().push(server);
        let sent;
        (sent, response) = client.send(response).await;
        sent?;
        response.clear();
        request.clear();
        request.extend_from_slice(&next);
    }
}

/// Receives until `buffer` holds a whole message and returns its length; 0 at a clean end of the stream.
async fn whole(
    stream: &mut impl Receive,
    mut buffer: Vec<u8>,
    parse: impl for<'a> Fn(&'a [u8]) -> Result<Option<Message<'a>>, Refusal>,
) -> io::Result<(usize, Vec<u8>)> {
    loop {
        if !buffer.is_empty() {
            match parse(&buffer) {
                Ok(Some(message)) if message.total() <= buffer.len() => return Ok((message.total(), buffer)),
                Ok(_) if buffer.len() < buffer.capacity() => {}
                Ok(_) => return Err(io::Error::other("a message larger than the buffer")),
                Err(refusal) => return Err(io::Error::other(format!("{refusal:?}"))),
            }
        }
        let received;
        (received, buffer) = stream.receive(buffer).await;
        if received? == 0 {
            return if buffer.is_empty() {
                Ok((0, buffer))
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    net::run(options.runtime, options)
}
