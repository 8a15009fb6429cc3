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

/// Returns the name of the unit whose object path this is.
pub(crate) fn unit_of(path: &str) -> Option<String> {
    let mut rest = path.strip_prefix("/org/freedesktop/systemd1/unit/")?.bytes();
    let mut name = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.next() {
        if byte != b'_' {
            name.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        name.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{unit_of, unit_path};

    #[test]
    fn what_is_no_path_of_a_unit_names_none() {
        for path in [
            "/org/freedesktop/systemd1",
            "/org/freedesktop/systemd1/unit/a_2",
            "/org/freedesktop/systemd1/unit/_zz",
        ] {
            assert_eq!(unit_of(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_name_comes_back_from_its_path(name in any::<String>()) {
            proptest::prop_assert_eq!(unit_of(&unit_path(&name)), Some(name));
        }
    }

    #[test]
    fn all_but_letters_and_digits_is_escaped() {
        let path = unit_path("taskflows-a.b_1.service");
        assert_eq!(path, "/org/freedesktop/systemd1/unit/taskflows_2da_2eb_5f1_2eservice");
    }
}
