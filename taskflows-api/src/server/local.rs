//! Whose connection it is, on this host.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;

use super::apart::blocking;

/// Tells whether the socket at the other end of a connection of loopback belongs to the user that this process runs as.
/// Where it cannot be found, it does not. Source: proc_pid_net(5), `/proc/net/tcp`.
pub(super) async fn is_own_socket(peer: SocketAddr) -> bool {
    // Where there are many connections, it takes its time.
    blocking(move || is_own(peer)).await
}

fn is_own(peer: SocketAddr) -> bool {
    let Ok(me) = fs::metadata("/proc/self").map(|about| about.uid()) else { return false };
    // The kernel lets sockets of several users share a port where their other ends differ: each has to be ours.
    let uids: Vec<u32> =
        forms(peer).into_iter().flat_map(|(file, address)| uids_of(file, &address)).collect();
    !uids.is_empty() && uids.iter().all(|uid| *uid == me)
}

/// Returns where a socket may stand, and how it is written there: an address of IPv4 may be that of a socket of IPv6.
fn forms(peer: SocketAddr) -> Vec<(&'static str, String)> {
    let port = peer.port();
    let six = |ip: Ipv6Addr| {
        // Four words, each in the order of the machine.
        let words = ip.octets().chunks_exact(4).fold(String::new(), |text, word| text + &hex(word));
        ("/proc/self/net/tcp6", format!("{words}:{port:04X}"))
    };
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => {
            vec![
                ("/proc/self/net/tcp", format!("{}:{port:04X}", hex(&ip.octets()))),
                six(ip.to_ipv6_mapped()),
            ]
        }
        IpAddr::V6(ip) => vec![six(ip)],
    }
}

fn hex(word: &[u8]) -> String {
    let word: [u8; 4] = word.try_into().unwrap_or_default();
    format!("{:08X}", u32::from_ne_bytes(word))
}

/// Returns the owners of the established connections whose own end is at `address`.
fn uids_of(file: &str, address: &str) -> Vec<u32> {
    const ESTABLISHED: &str = "01";
    let Ok(file) = fs::File::open(file) else { return Vec::new() };
    let lines = BufReader::new(file).lines().map_while(Result::ok).skip(1);
    let uid = |line: String| {
        let mut words = line.split_whitespace().skip(1);
        let (own, _, state) = (words.next()?, words.next()?, words.next()?);
        // Queues, timer and retransmissions stand between.
        let uid = words.nth(3)?;
        (own == address && state == ESTABLISHED).then(|| uid.parse().ok())?
    };
    lines.filter_map(uid).collect()
}
