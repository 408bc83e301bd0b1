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
