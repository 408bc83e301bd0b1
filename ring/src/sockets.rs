//! Plain calls on sockets that every driver makes the same way.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

/// A socket that listens on `addr`, which other cores may do too. What it accepts has TCP_NODELAY set, because it is inherited.
pub(crate) fn listening(addr: &SocketAddr, backlog: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&(*addr).into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// A socket to connect to `to` with, TCP_NODELAY set, and without pacing where that is asked for.
pub(crate) fn for_connecting(to: &SocketAddr, unpaced: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if unpaced {
        set_unpaced(socket.as_raw_fd());
    }
    Ok(socket)
}

/// Takes the congestion control that every kernel has and that sends at once what the window allows. Where it is forbidden the
/// system's stays.
pub(crate) fn set_unpaced(fd: RawFd) {
    let name = b"reno";
    // SAFETY: the pointer and length are those of a live name, as TCP_CONGESTION wants it.
    unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            name.len() as libc::socklen_t,
        );
    }
}

/// A look at the socket without taking bytes: how many there are (at most 1); 0 at the end of the stream.
pub(crate) fn peek(fd: RawFd) -> io::Result<usize> {
    let mut byte = 0u8;
    // SAFETY: the buffer is one live byte and its length is given as 1.
    let n = unsafe { libc::recv(fd, (&raw mut byte).cast(), 1, libc::MSG_PEEK | libc::MSG_DONTWAIT) };
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

/// Whether the socket is open with nothing to read.
pub(crate) fn has_nothing_to_read(fd: RawFd) -> bool {
    peek(fd).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Whether the peer has hung up, even while bytes are unread.
pub(crate) fn has_hung_up(fd: RawFd) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one live pollfd, its count given as 1; a timeout of zero does not block.
    let n = unsafe { libc::poll(&mut poll, 1, 0) };
    n > 0 && poll.revents != 0
}

/// Nanoseconds since the peer's last bytes came, in steps of the kernel's clock.
pub(crate) fn since_last_bytes(fd: RawFd) -> u64 {
    // SAFETY: it is made of numbers, for which zeros are right.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointers are those of a live `tcp_info` and of its length, as TCP_INFO wants them; the kernel writes no more than that.
    let failed = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut len)
    };
    if failed == 0 { u64::from(info.tcpi_last_data_recv) * 1_000_000 } else { 0 }
}

/// Sends FIN.
pub(crate) fn shutdown_send(fd: RawFd) {
    // SAFETY: a plain call; the caller keeps the descriptor open.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}

/// Makes the close that follows send RST.
pub(crate) fn set_abortive(fd: RawFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the pointer and length are those of a live `linger`, as SO_LINGER wants it.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

/// The peer's address; all zeros where the peer is gone already and has none any more.
pub(crate) fn peer_addr(fd: RawFd) -> SocketAddr {
    // SAFETY: the caller keeps the descriptor open for the length of this call, and the borrow ends with it.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    let address = socket2::SockRef::from(&fd).peer_addr().ok().and_then(|address| address.as_socket());
    address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn the_time_since_the_last_bytes_begins_anew_with_each() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        for pause in [100, 0, 50] {
            let sent = Instant::now();
            client.write_all(b"x").unwrap();
            sleep(Duration::from_millis(pause));
            let since = Duration::from_nanos(since_last_bytes(server.as_raw_fd()));
            let (least, most) =
                (Duration::from_millis(pause * 8 / 10), sent.elapsed() + Duration::from_millis(8));
            assert!(least <= since && since <= most, "{least:?} {since:?} {most:?}");
        }
    }
}
