use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use tracing::field::DebugValue;

/// Makes a field of a nested value, which stays JSON in the line.
///
/// ```
/// use taskflows_logging::json;
///
/// let items = vec![("ABC", 2)];
/// tracing::info!(items = json(&items), "order_processed");
/// ```
///
/// A value that JSON cannot hold (a map whose keys are no texts, an integer of more than 64 bits) becomes a text that
/// says so. Elsewhere, such as in the lines of another layer, it is shown as compact JSON.
pub fn json<T: Serialize>(value: T) -> DebugValue<Json<T>> {
    tracing::field::debug(Json(value))
}

/// A value that is shown as JSON; see [`json()`].
pub struct Json<T>(T);

/// Returns what `value` is as JSON, or a text that says why it is not.
pub(crate) fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| Value::String(format!("(this is no JSON: {error})")))
}

thread_local! {
    static LISTENING: Cell<bool> = const { Cell::new(false) };
    static TOLD: Cell<Option<Told>> = const { Cell::new(None) };
}

/// The value behind a text, beside the number of its bytes.
struct Told {
    value: Value,
    length: usize,
}

impl<T: Serialize> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = to_value(&self.0);
        let text = value.to_string();
        if LISTENING.get() {
            TOLD.set(Some(Told { length: text.len(), value }));
        }
        f.write_str(&text)
    }
}

/// Formats by `say`, which returns how many bytes it said; returns the value where a [`Json`] said all of them.
pub(crate) fn listen(say: impl FnOnce() -> usize) -> Option<Value> {
    let before = Attention { listening: LISTENING.replace(true), told: TOLD.take() };
    let said = say();
    let told = TOLD.take();
    drop(before);
    told.filter(|told| told.length == said).map(|told| told.value)
}

/// Gives its place back to whoever listened before, should what is formatted log something itself; and after a panic.
struct Attention {
    listening: bool,
    told: Option<Told>,
}

impl Drop for Attention {
    fn drop(&mut self) {
        LISTENING.set(self.listening);
        TOLD.set(self.told.take());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json as value;

    use super::*;

    fn heard(text: &dyn fmt::Debug) -> Option<Value> {
        listen(|| format!("{text:?}").len())
    }

    #[test]
    fn a_value_is_heard_where_it_is_all_there_is() {
        assert_eq!(heard(&Json(value!({"a": [1]}))), Some(value!({"a": [1]})));
        assert_eq!(heard(&"[1]"), None);
        assert_eq!(heard(&[Json(1)]), None);
        assert_eq!(heard(&(Json(1), Json(2))), None);
    }

    #[test]
    fn a_value_that_json_cannot_hold_says_so() {
        let odd = BTreeMap::from([((1, 2), 3)]);
        assert_eq!(heard(&Json(odd)), Some(value!("(this is no JSON: key must be a string)")));
    }

    #[test]
    fn nobody_hears_what_is_shown_elsewhere() {
        assert_eq!(format!("{:?}", Json([1])), "[1]");
        assert_eq!(heard(&1), None);
    }
}
