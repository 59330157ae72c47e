//! The number of bytes written to a TCP socket that the peer's system has not acknowledged, from Linux's
//! socket monitoring over netlink, which `ss` uses, too. It needs neither privileges nor unsafe code.
//! See `sock_diag(7)` and `linux/inet_diag.h`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::fstat;
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, getpeername, getsockname, recv,
    send, socket_with,
};

/// `SOCK_DIAG_BY_FAMILY`, the type of the request and of the response.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const IS_REQUEST: u16 = 1;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `INET_DIAG_NOCOOKIE`: match any socket with the given addresses.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// The states of a connection in which writing is possible: before the peer's FIN and after it. Both
/// occur, since under TLS the end of the stream is known a moment before the FIN arrives.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;

/// A `nlmsghdr` of 16 bytes and an `inet_diag_req_v2`.
const REQUEST_SIZE: u32 = 72;
/// Offsets of the response's fields: in its `nlmsghdr`, then in its `inet_diag_msg`.
const TYPE_AT: usize = 4;
const STATE_AT: usize = 17;
const UNACKNOWLEDGED_AT: usize = 76;
const INODE_AT: usize = 84;

/// Returns `None` for a socket that is closed or was reset, and if the system does not support the
/// query.
pub(super) fn unacknowledged(socket: &impl AsFd) -> Option<u64> {
    query(socket.as_fd()).ok().flatten()
}

fn query(socket: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let local = SocketAddr::try_from(getsockname(socket)?)?;
    let Some(Ok(peer)) = getpeername(socket)?.map(SocketAddr::try_from) else {
        return Ok(None);
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (netlink, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let monitor = socket_with(netlink, kind, flags, Some(SOCK_DIAG))?;
    // The kernel responds within the call, so the read below does not block.
    send(&monitor, &request(local, peer), SendFlags::empty())?;
    let mut response = [0_u8; 1024];
    let (count, _) = recv(monitor.as_fd(), &mut response[..], RecvFlags::empty())?;
    let response = response.get(..count).unwrap_or_default();
    // Another socket may have the same addresses in another network namespace.
    let inode = fstat(socket)?.st_ino & u64::from(u32::MAX);
    Ok(read(response, inode))
}

fn request(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
    let family = match local {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    let mut request = Vec::new();
    request.extend(REQUEST_SIZE.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(IS_REQUEST.to_ne_bytes());
    // The sequence number and the sender's port, which are only needed for several requests at once.
    request.extend([0; 8]);
    request.extend([family, TCP, 0, 0]);
    let any_state = u32::MAX;
    request.extend(any_state.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(peer.port().to_be_bytes());
    for address in [local.ip(), peer.ip()] {
        match address {
            IpAddr::V4(address) => {
                request.extend(address.octets());
                request.extend([0; 12]);
            }
            IpAddr::V6(address) => request.extend(address.octets()),
        }
    }
    let interface = match local {
        SocketAddr::V6(address) => address.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    request.extend(interface.to_ne_bytes());
    request.extend(NO_COOKIE);
    request
}

/// Reads the kernel's response. `None` unless it is about the socket with this inode.
fn read(response: &[u8], inode: u64) -> Option<u64> {
    let number = |at: usize| -> Option<u32> {
        let bytes = response.get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    let kind = response.get(TYPE_AT..)?.first_chunk()?;
    let state = *response.get(STATE_AT)?;
    let is_ours = u16::from_ne_bytes(*kind) == BY_FAMILY
        && matches!(state, ESTABLISHED | CLOSE_WAIT)
        && u64::from(number(INODE_AT)?) == inode;
    is_ours.then(|| number(UNACKNOWLEDGED_AT).map(u64::from))?
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Both ends of a connection.
    fn connection(address: &str) -> Option<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind(address).ok()?;
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Some((client, listener.accept().unwrap().0))
    }

    /// Attaches a filter that drops all incoming segments, so that they are not acknowledged. Returns
    /// false on systems where that needs root.
    fn deafen(socket: &TcpStream) -> bool {
        let nothing = socket2::SockFilter::new(0x06, 0, 0, 0);
        match socket2::SockRef::from(socket).attach_filter(&[nothing]) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                println!("skipped: {error}");
                false
            }
            attached => attached.map(|()| true).unwrap(),
        }
    }

    #[test]
    fn unacknowledged_bytes_are_counted_before_and_after_the_peers_fin() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Some((mut client, mut server)) = connection(address) else {
                assert_ne!(address, "127.0.0.1:0");
                continue;
            };
            client.write_all(b"heard").unwrap();
            server.read_exact(&mut [0; 5]).unwrap();
            assert_eq!(unacknowledged(&client), Some(0), "{address}");
            if !deafen(&server) {
                return;
            }
            client.write_all(b"not heard").unwrap();
            assert_eq!(unacknowledged(&client), Some(9), "{address}");
            server.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(client.read(&mut [0; 5]).unwrap(), 0);
            assert_eq!(unacknowledged(&client), Some(9), "{address}");
        }
    }

    #[test]
    fn a_connection_that_was_reset_or_shut_down_locally_has_no_count() {
        let (client, server) = connection("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&server)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(server);
        assert!((&client).read(&mut [0; 1]).is_err());
        assert_eq!(unacknowledged(&client), None);

        let (client, _server) = connection("127.0.0.1:0").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(unacknowledged(&client), None);
    }

    #[test]
    fn a_response_that_is_short_or_of_another_socket_type_or_state_is_ignored() {
        let mut response = vec![0_u8; 88];
        response[TYPE_AT..TYPE_AT + 2].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        response[STATE_AT] = CLOSE_WAIT;
        response[UNACKNOWLEDGED_AT] = 9;
        response[INODE_AT..INODE_AT + 4].copy_from_slice(&7_u32.to_ne_bytes());
        let nine = u64::from(u32::from_ne_bytes([9, 0, 0, 0]));
        assert_eq!(read(&response, 7), Some(nine));
        assert_eq!(read(&response, 8), None);
        assert_eq!(read(&response[..87], 7), None);
        for (at, byte) in [(TYPE_AT, 2), (STATE_AT, 7)] {
            let mut other = response.clone();
            other[at] = byte;
            assert_eq!(read(&other, 7), None, "{at}");
        }
    }
}
