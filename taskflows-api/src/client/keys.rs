use taskflows_security::{SignedParts, SigningKey};

/// Reads the keys of this host anew.
pub(super) struct Keys(Box<dyn Fn() -> Vec<SigningKey> + Send + Sync>);

impl Keys {
    pub(super) fn new(read: impl Fn() -> Vec<SigningKey> + Send + Sync + 'static) -> Self {
        Self(Box::new(read))
    }

    pub(super) fn read(&self) -> Vec<SigningKey> {
        (self.0)()
    }
}

/// Tells whether two keys sign alike, which is all that can be seen of them.
pub(super) fn is_same(one: &SigningKey, other: &SigningKey) -> bool {
    let parts =
        SignedParts { timestamp: "", nonce: "", server_id: "", method: "", path: "", query: "", body: b"" };
    one.verifies(&parts, &other.sign(&parts))
}
