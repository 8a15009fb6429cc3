//! What may stand in a definition, said once: the decoder reads by it and the JSON Schema is written from it.

/// A table whose keys are all known.
#[derive(Debug)]
pub(super) struct Object {
    /// What messages call it: `a service`.
    pub(super) what: &'static str,
    pub(super) fields: &'static [Field],
    /// Keys of other versions and what to say of them.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

/// A key of an [`Object`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    /// One line about it.
    pub(super) about: &'static str,
    pub(super) required: bool,
}

/// What the value of a key may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A string.
    Text,
    /// A string of a form that a regular expression of ECMA-262 tells.
    Pattern(&'static str),
    /// One of these strings.
    Words(&'static [&'static str]),
    /// A boolean.
    Flag,
    /// A whole number in a range, both ends included.
    Whole(i64, i64),
    /// A number.
    Number,
    /// A string, or a number in its own spelling.
    Scalar,
    /// A length of time: `"5min"`, or seconds.
    Span,
    /// An amount of memory: `"2GB"`, or bytes.
    Size,
    /// A date and time with a zone.
    Instant,
    /// A table with known keys.
    Table(&'static Object),
    /// A table whose keys its author chooses.
    Map(&'static Shape),
    /// A list.
    List(&'static Shape),
    /// One value, or a list of them.
    OneOrMany(&'static Shape),
    /// Any of several.
    Any(&'static [Shape]),
    /// An object of systemd's: directives by their names.
    Directives,
}

impl Object {
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.key)
    }

    pub(super) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// A key that may be left out.
pub(super) const fn field(key: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { key, shape, about, required: false }
}

/// A key that must be there.
pub(super) const fn required(key: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { key, shape, about, required: true }
}

/// Joins two lists of keys while the program is compiled.
pub(super) const fn joined<const A: usize, const B: usize, const ALL: usize>(
    one: [Field; A],
    other: [Field; B],
) -> [Field; ALL] {
    assert!(A + B == ALL, "the number of all keys is told right");
    let mut all = [one[0]; ALL];
    let mut index = 0;
    while index < ALL {
        all[index] = if index < A { one[index] } else { other[index - A] };
        index += 1;
    }
    all
}
