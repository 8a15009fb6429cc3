//! Whose connection it is, on this host.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;

/// Tells whether the socket at the other end of a connection of loopback belongs to the user that this process runs as.
/// Where it cannot be found, it does not. Source: proc_pid_net(5), `/proc/net/tcp`.
pub(super) fn is_own_socket(peer: SocketAddr) -> bool {
    let Ok(me) = fs::metadata("/proc/self").map(|about| about.uid()) else { return false };
    let mut uids = forms(peer).into_iter().filter_map(|(file, address)| uid_of(file, &address));
    uids.next() == Some(me)
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

/// Returns the owner of the established connection whose own end is at `address`.
fn uid_of(file: &str, address: &str) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let lines = BufReader::new(fs::File::open(file).ok()?).lines();
    lines.map_while(Result::ok).skip(1).find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (own, _, state) = (words.next()?, words.next()?, words.next()?);
        // Queues, timer and retransmissions stand between.
        let uid = words.nth(3)?;
        (own == address && state == ESTABLISHED).then(|| uid.parse().ok())?
    })
}
