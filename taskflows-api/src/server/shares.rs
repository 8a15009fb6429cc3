//! So many of something for those who come from elsewhere, and so many for each of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what peers hold. Who is on this host is not counted: what nobody from elsewhere may hold is left to it.
#[derive(Debug)]
pub(super) struct Shares {
    all: usize,
    each: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// One of what a peer may hold; it is given back when this goes.
#[derive(Debug)]
pub(super) struct Share(Option<(Arc<Shares>, IpAddr)>);

impl Shares {
    /// Gives out `all` to those from elsewhere, and no more than `each` to one of them.
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, held: Mutex::default() })
    }

    /// Returns one for `peer`, which is `None` for a socket of this host; `None` where it or all hold what they may.
    pub(super) fn take(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Share> {
        let Some(peer) = peer.and_then(elsewhere) else { return Some(Share(None)) };
        let mut held = self.lock();
        let own = held.by_peer.get(&peer).copied().unwrap_or_default();
        if held.all >= self.all || own >= self.each {
            return None;
        }
        held.all += 1;
        held.by_peer.insert(peer, own + 1);
        Some(Share(Some((Arc::clone(self), peer))))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((shares, peer)) = &self.0 else { return };
        let mut held = shares.lock();
        held.all -= 1;
        match held.by_peer.get_mut(peer) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(held.by_peer.remove(peer)),
        }
    }
}

/// Returns who counts as one peer; `None` for this host. Of IPv6 a customer has 64 bits of addresses at least.
fn elsewhere(address: IpAddr) -> Option<IpAddr> {
    let address = match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    };
    (!address.is_loopback()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_peer_holds_its_share_and_this_host_what_it_likes() {
        let shares = Shares::new(5, 2);
        let one = [peer("192.0.2.1"), peer("::ffff:192.0.2.1")].map(|peer| shares.take(peer).unwrap());
        assert!(shares.take(peer("192.0.2.1")).is_none());
        let _net = [peer("2001:db8::1"), peer("2001:db8::2:1")].map(|peer| shares.take(peer).unwrap());
        assert!(shares.take(peer("2001:db8::3")).is_none(), "it is the same network");
        let other = shares.take(peer("2001:db8:0:1::1")).unwrap();
        assert!(shares.take(peer("192.0.2.2")).is_none(), "all that is for others is held");
        for own in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            assert!((0..10).all(|_| shares.take(peer(own)).is_some()), "{own}");
        }
        assert!(shares.take(None).is_some());
        drop(other);
        assert!(shares.take(peer("192.0.2.1")).is_none(), "it has its own");
        drop(one);
        assert!(shares.take(peer("192.0.2.1")).is_some());
        assert_eq!(shares.lock().by_peer.len(), 1, "who holds nothing is forgotten");
    }
}
