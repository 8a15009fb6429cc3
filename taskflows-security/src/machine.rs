use std::fs;

use sha2::{Digest, Sha256};

/// Source: machine-id(5), which wants the id itself kept from others, so that only a hash of it is written anywhere.
const MACHINE_ID: &str = "/etc/machine-id";

/// Returns what tells this machine from others, 32 hexadecimal digits; `None` where it has no id.
#[must_use]
pub fn machine_mark() -> Option<String> {
    let id = fs::read_to_string(MACHINE_ID).ok()?;
    mark_of(id.trim())
}

fn mark_of(id: &str) -> Option<String> {
    // At the first boot it may not be made yet.
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = Sha256::new().chain_update("taskflows machine\n").chain_update(id).finalize();
    is_id.then(|| hex::encode(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_does_not_tell_the_id() {
        let id = "0123456789abcdef0123456789abcdef";
        let mark = mark_of(id).unwrap();
        assert_eq!(mark.len(), 32);
        assert_ne!(mark, id);
        assert_ne!(mark_of("0123456789abcdef0123456789abcdee").unwrap(), mark);
        for none in ["", "uninitialized", "0123"] {
            assert_eq!(mark_of(none), None, "{none}");
        }
    }
}
