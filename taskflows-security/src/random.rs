use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Returns `N` bytes of chance from the operating system in hexadecimal digits.
///
/// # Panics
/// When the operating system has no chance to give, without which nothing here may go on.
#[must_use]
pub fn random_hex<const N: usize>() -> String {
    hex::encode(random::<N>().as_slice())
}

/// Returns 32 bytes of chance from the operating system as 43 characters of URL-safe base64.
///
/// # Panics
/// As [`random_hex`].
#[must_use]
pub fn random_secret() -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(random::<32>().as_slice()))
}

pub(crate) fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    if let Err(error) = getrandom::fill(bytes.as_mut_slice()) {
        panic!("the operating system gives no random bytes: {error}");
    }
    bytes
}
