use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{DEEPEST, Key, Node, SyntaxError, Value};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        SyntaxError::new(error.message().replace('\n', ", "), span)
    })?;
    let span = table.span();
    Ok(Node { value: convert_table(table.into_inner(), 0)?, span })
}

fn convert_table(table: DeTable<'_>, depth: usize) -> Result<Value, SyntaxError> {
    let mut entries = Vec::new();
    for (key, value) in table {
        let key = Key { span: key.span(), text: key.into_inner().into_owned() };
        entries.push((key, convert(value, depth + 1)?));
    }
    // The library sorts keys; people read messages in the order of the file.
    entries.sort_by_key(|(key, _)| key.span.start);
    Ok(Value::Table(entries))
}

fn convert(value: Spanned<DeValue<'_>>, depth: usize) -> Result<Node, SyntaxError> {
    let span = value.span();
    if depth > DEEPEST {
        return Err(SyntaxError::too_deep(span));
    }
    let value = match value.into_inner() {
        DeValue::String(text) => Value::string(text),
        DeValue::Integer(number) => Value::Number(decimal(number.as_str(), number.radix())),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(time) => Value::DateTime(time.to_string()),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| convert(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => convert_table(table, depth)?,
    };
    Ok(Node { value, span })
}

/// Writes an integer in base ten; one of another base that is too large stays as it is.
fn decimal(digits: &str, radix: u32) -> String {
    match i64::from_str_radix(digits, radix) {
        Ok(number) => number.to_string(),
        Err(_) => digits.to_owned(),
    }
}
