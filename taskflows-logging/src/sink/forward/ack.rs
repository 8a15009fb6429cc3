use rmp::decode::{ValueReadError, read_map_len, read_str_len};

/// What a receiver answers to a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) chunk: String,
}

/// Anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoAck;

/// Reads `{"ack": chunk}`; `None` while there is more of it to come.
pub(super) fn acknowledged(bytes: &[u8]) -> Option<Result<Ack, NoAck>> {
    let mut rest = bytes;
    let entries = match read_map_len(&mut rest) {
        Ok(entries) => entries,
        Err(ValueReadError::InvalidMarkerRead(_) | ValueReadError::InvalidDataRead(_)) => return None,
        Err(_) => return Some(Err(NoAck)),
    };
    if entries != 1 {
        return Some(Err(NoAck));
    }
    let key = match text(&mut rest)? {
        Ok(key) => key,
        Err(fault) => return Some(Err(fault)),
    };
    if key != "ack" {
        return Some(Err(NoAck));
    }
    let chunk = match text(&mut rest)? {
        Ok(chunk) => chunk.to_owned(),
        Err(fault) => return Some(Err(fault)),
    };
    Some(if rest.is_empty() { Ok(Ack { chunk }) } else { Err(NoAck) })
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<Result<&'a str, NoAck>> {
    let length = match read_str_len(rest) {
        Ok(length) => length as usize,
        Err(ValueReadError::InvalidMarkerRead(_) | ValueReadError::InvalidDataRead(_)) => return None,
        Err(_) => return Some(Err(NoAck)),
    };
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(std::str::from_utf8(text).map_err(|_| NoAck))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ack(chunk: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmp::encode::write_map_len(&mut bytes, 1).unwrap();
        rmp::encode::write_str(&mut bytes, "ack").unwrap();
        rmp::encode::write_str(&mut bytes, chunk).unwrap();
        bytes
    }

    #[test]
    fn an_acknowledgement_comes_in_pieces_and_nothing_else_is_one() {
        let bytes = ack("p8n9gmxTQVC8/nh2wlKKeQ==");
        for length in 0..bytes.len() {
            assert_eq!(acknowledged(&bytes[..length]), None, "{length}");
        }
        let chunk = "p8n9gmxTQVC8/nh2wlKKeQ==".to_owned();
        assert_eq!(acknowledged(&bytes), Some(Ok(Ack { chunk })));
        let twice = [bytes.clone(), bytes.clone()].concat();
        for other in
            [&b"\xc0"[..], b"\x80", b"\x82\xa3ack", b"\x81\xa3oops\xa1x", b"\x81\xa3ack\x01", b"HTTP", &twice]
        {
            assert_eq!(acknowledged(other), Some(Err(NoAck)), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = acknowledged(&bytes);
        }

        #[test]
        fn any_chunk_is_read(chunk in ".{0,300}") {
            prop_assert_eq!(acknowledged(&ack(&chunk)), Some(Ok(Ack { chunk })));
        }
    }
}
