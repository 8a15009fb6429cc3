use std::borrow::Cow;
use std::error::Error;

use serde::Serialize;
use serde_json::Value;

use crate::line::{causes, json_value};

/// Named values of a line, in the order in which they were given. [`fields!`](crate::fields!) makes them.
///
/// ```
/// use taskflows_logging::{Fields, fields};
///
/// let fields = fields! { user_id: 123, "http.method": "GET" };
/// assert_eq!(fields, Fields::new().with("user_id", 123).with("http.method", "GET"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    /// Returns no fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field, in the place of one of the same name. What JSON cannot hold becomes a text that says so.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Serialize) -> Self {
        self.put(plain(name.into()), json_value(&value));
        self
    }

    /// Adds an error: `error` is what it says, and `error_chain` lists what its causes say, where it has any.
    ///
    /// ```
    /// use taskflows_logging::fields;
    ///
    /// let error = std::io::Error::other("no route to host");
    /// assert_eq!(fields! { host: "db" }.with_error(&error), fields! { host: "db", error: "no route to host" });
    /// ```
    #[must_use]
    pub fn with_error(self, error: &dyn Error) -> Self {
        let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
        let fields = self.with("error", error.to_string());
        if causes.is_empty() { fields } else { fields.with("error_chain", causes) }
    }

    /// Returns the fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Takes over other fields, in the place of those of the same names.
    pub fn update(&mut self, newer: Self) {
        for (name, value) in newer.0 {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: Cow<'static, str>, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Takes the mark off a name that is a word of Rust, such as `r#type`.
fn plain(name: Cow<'static, str>) -> Cow<'static, str> {
    match name {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix("r#").unwrap_or(text)),
        owned => owned,
    }
}

/// Makes [`Fields`] of names and values.
///
/// A name is a word or a text; a value is anything that [`serde::Serialize`] knows to write, and is borrowed only.
///
/// ```
/// use serde_json::json;
/// use taskflows_logging::fields;
///
/// let items = json!([{"sku": "ABC", "qty": 2}]);
/// let fields = fields! { order_id: 12345, "total.amount": 99.99, items: items };
/// assert_eq!(fields.iter().count(), 3);
/// assert_eq!(items[0]["qty"], 2);
/// ```
#[macro_export]
macro_rules! fields {
    (@name $name:ident) => { stringify!($name) };
    (@name $name:literal) => { $name };
    ($($name:tt : $value:expr),* $(,)?) => {
        $crate::Fields::new()$(.with($crate::fields!(@name $name), &$value))*
    };
}
