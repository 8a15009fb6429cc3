use crate::words::checked_text;

checked_text! {
    /// The name under which a process finds a secret in `$CREDENTIALS_DIRECTORY`: a file name of letters,
    /// digits, `_`, `-` and `.`. Source: systemd.exec(5), `LoadCredential=`.
    CredentialName, is_credential_name, "is no name for a credential (letters, digits, `_`, `-`, `.`)"
}

fn is_credential_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    (1..=200).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.')
}
