use std::fmt::Write as _;

/// Returns the object path of a unit: every byte but letters and digits as `_` and two hex digits.
///
/// Source: sd_bus_path_encode(3).
pub(crate) fn unit_path(unit: &str) -> String {
    let mut path = String::from("/org/freedesktop/systemd1/unit/");
    for (index, byte) in unit.bytes().enumerate() {
        let plain = byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit());
        if plain {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "_{byte:02x}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::unit_path;

    #[test]
    fn all_but_letters_and_digits_is_escaped() {
        let path = unit_path("taskflows-a.b_1.service");
        assert_eq!(path, "/org/freedesktop/systemd1/unit/taskflows_2da_2eb_5f1_2eservice");
    }
}
