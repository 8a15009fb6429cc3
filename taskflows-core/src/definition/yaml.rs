use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::node::{DEEPEST, Key, Node, SyntaxError, Value, check_unique};

/// So many values are read at most, aliases counted in full: a few lines of aliases to aliases could
/// otherwise stand for more than fits the memory.
const MOST_NODES: usize = 200_000;

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder { text, anchors: HashMap::new(), open: Vec::new(), root: None, nodes: 0 };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
            SyntaxError::new(error.info().to_owned(), at..at)
        })?;
        let span = builder.bytes(&span);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(SyntaxError::new(
                        "a second document begins; one file holds one definition",
                        span,
                    ));
                }
            }
            event => builder.take(event, span)?,
        }
    }
    Ok(builder.root.unwrap_or(Node { value: Value::Null, span: 0..0 }))
}

/// A list or table that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    items: Vec<Node>,
    is_table: bool,
}

struct Builder<'a> {
    text: &'a str,
    anchors: HashMap<usize, (Node, usize)>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn bytes(&self, span: &Span) -> Range<usize> {
        let end = self.text.len();
        let start = span.start.byte_offset().unwrap_or(end).min(end);
        start..span.end.byte_offset().unwrap_or(start).clamp(start, end)
    }

    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let node = Node { value: scalar(&text, style), span };
                self.add(node, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(span, anchor, false),
            Event::MappingStart(_, anchor, _) => self.begin(span, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(&span),
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some((node, size)) => self.add(Node { span, ..node }, 0, size),
                None => Err(SyntaxError::new("the alias stands for nothing that is closed already", span)),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, span: Range<usize>, anchor: usize, is_table: bool) -> Result<(), SyntaxError> {
        if self.open.len() >= DEEPEST {
            return Err(SyntaxError::too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, items: Vec::new(), is_table });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) -> Result<(), SyntaxError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let end = open.items.last().map_or(span.end, |last| span.end.max(last.span.end));
        let range = open.start..end;
        let value = if open.is_table { table(open.items)? } else { Value::List(open.items) };
        let node = Node { value, span: range };
        let size = count(&node);
        self.add(node, open.anchor, size)
    }

    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), SyntaxError> {
        self.nodes += size;
        if self.nodes > MOST_NODES {
            return Err(SyntaxError::new(format!("more than {MOST_NODES} values"), node.span));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Table(entries) => 1 + entries.iter().map(|(_, node)| count(node)).sum::<usize>(),
        _ => 1,
    }
}

/// Pairs keys and values, and puts in what a merge key (`<<`) brings along.
fn table(items: Vec<Node>) -> Result<Value, SyntaxError> {
    let mut entries: Vec<(Key, Node)> = Vec::new();
    let mut merged: Vec<(Key, Node)> = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(node)) = (items.next(), items.next()) {
        let text = match key.value {
            Value::String { text, .. } => text,
            Value::Number(text) => text,
            Value::Bool(truth) => truth.to_string(),
            other => {
                return Err(SyntaxError::new(format!("a key is a string, not {}", other.kind()), key.span));
            }
        };
        if text == "<<" {
            merged.extend(merge(node)?);
        } else {
            entries.push((Key { text, span: key.span }, node));
        }
    }
    check_unique(&entries)?;
    for (key, node) in merged {
        if !entries.iter().any(|(own, _)| own.text == key.text) {
            entries.push((key, node));
        }
    }
    Ok(Value::Table(entries))
}

fn merge(node: Node) -> Result<Vec<(Key, Node)>, SyntaxError> {
    match node.value {
        Value::Table(entries) => Ok(entries),
        Value::List(tables) => {
            tables.into_iter().map(merge).collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        }
        other => Err(SyntaxError::new(format!("`<<` takes a table, not {}", other.kind()), node.span)),
    }
}

/// Reads a word without quotes by the core schema of YAML 1.2.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::string(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String { text: text.to_owned(), plain: true },
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && text.parse::<f64>().is_ok()
}
