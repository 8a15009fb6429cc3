use std::net::SocketAddr;

use taskflows_api::server::Listener;

use crate::fleet::{Address, ParseAddressError, ServersFile};
use crate::{App, Ui};

/// Registers this host among the servers as `tf` knows them here. Without it the API serves as well, so a failure is told
/// and no more.
pub(super) fn register(ui: &mut Ui<'_>, app: &App, listeners: &[Listener], by_tls: bool, server_id: &str) {
    let mut addresses: Vec<SocketAddr> = listeners.iter().filter_map(Listener::address).collect();
    // What others reach first.
    addresses.sort_by_key(|address| address.ip().is_loopback());
    let Some(address) = addresses.first() else { return };
    let registered = named(&app.host_name, *address, by_tls).map_err(|error| error.to_string());
    let registered = registered.and_then(|address| {
        let file = ServersFile::new(&app.data_directory);
        let registered = file.register_own(&app.host_name, &address, server_id, (app.now)());
        registered.map_err(|error| error.message)
    });
    if let Err(reason) = registered {
        ui.remark(format!("note: this host is not registered among the servers: {reason}"));
    }
}

/// Returns how others may call an address: where it is any of this host, by the name of the host.
fn named(host_name: &str, address: SocketAddr, by_tls: bool) -> Result<Address, ParseAddressError> {
    let scheme = if by_tls { "https" } else { "http" };
    match address.ip().is_unspecified() {
        true => format!("{scheme}://{host_name}:{}", address.port()).parse(),
        false => format!("{scheme}://{address}").parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_registered_where_others_reach_it() {
        for (address, by_tls, expected) in [
            ("0.0.0.0:7777", false, "web1:7777"),
            ("[::]:7777", true, "https://web1:7777"),
            ("127.0.0.1:80", false, "127.0.0.1:80"),
            ("10.0.0.7:443", true, "https://10.0.0.7:443"),
            ("[fe80::1]:7777", false, "[fe80::1]:7777"),
        ] {
            let named = named("web1", address.parse().unwrap(), by_tls).unwrap();
            assert_eq!(named.to_string(), expected);
        }
        assert!(named("no name", "0.0.0.0:1".parse().unwrap(), false).is_err());
    }
}
