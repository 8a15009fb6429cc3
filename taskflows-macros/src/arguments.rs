//! What stands in the parentheses: `name = "...", required, retries = 1, timeout = "30s"`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result, Token};

use crate::{span, word};

const KEYS: [&str; 8] =
    ["name", "required", "retries", "timeout", "deadline", "backoff", "alerts", "blocking"];

/// What the attribute says of the task, checked as far as it is literal.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) name: Option<LitStr>,
    pub(crate) is_required: bool,
    pub(crate) retries: Option<TokenStream>,
    /// Whether a second attempt is possible, and arguments are cloned therefore.
    pub(crate) is_repeated: bool,
    pub(crate) timeout: Option<TokenStream>,
    pub(crate) deadline: Option<TokenStream>,
    /// Where the first limit of time stands.
    pub(crate) limit: Option<Span>,
    pub(crate) backoff: Option<TokenStream>,
    pub(crate) alerts: Option<Expr>,
    /// Where `blocking` stands.
    pub(crate) blocking: Option<Span>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let mut problems: Option<Error> = None;
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let value = if input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                Some(input.parse::<Expr>()?)
            } else {
                None
            };
            let taken = if seen.contains(&key) {
                Err(Error::new(key.span(), format!("`{key}` is given twice")))
            } else {
                arguments.take(&key, value)
            };
            seen.push(key);
            if let Err(problem) = taken {
                match &mut problems {
                    Some(problems) => problems.combine(problem),
                    None => problems = Some(problem),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        problems.map_or(Ok(arguments), Err)
    }
}

impl Arguments {
    fn take(&mut self, key: &Ident, value: Option<Expr>) -> Result<()> {
        let word = key.to_string();
        if !KEYS.contains(&word.as_str()) {
            return Err(unknown(key, &word));
        }
        let value = match (word.as_str(), value) {
            ("required", None) => {
                self.is_required = true;
                return Ok(());
            }
            ("blocking", None) => {
                self.blocking = Some(key.span());
                return Ok(());
            }
            (_, Some(value)) => value,
            (_, None) => {
                return Err(Error::new(key.span(), format!("`{word}` needs a value: {}", example(&word))));
            }
        };
        match word.as_str() {
            "name" => self.name = Some(name(&value)?),
            "required" => self.is_required = flag(&word, &value)?,
            "blocking" => self.blocking = flag(&word, &value)?.then(|| key.span()),
            "retries" => {
                let (retries, is_repeated) = retries(&value)?;
                (self.retries, self.is_repeated) = (Some(retries), is_repeated);
            }
            "timeout" | "deadline" => {
                let limit = Some(limit(&word, &value)?);
                self.limit.get_or_insert(key.span());
                if word == "timeout" { self.timeout = limit } else { self.deadline = limit }
            }
            "backoff" => self.backoff = Some(backoff(&value)?),
            _ => self.alerts = Some(value),
        }
        Ok(())
    }
}

fn unknown(key: &Ident, word: &str) -> Error {
    let hint = match word::nearest(word, &KEYS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", KEYS.join(", ")),
    };
    Error::new(key.span(), format!("a task has no `{word}`: {hint}"))
}

fn example(word: &str) -> &'static str {
    match word {
        "name" => "name = \"nightly-report\"",
        "retries" => "retries = 3",
        "timeout" => "timeout = \"30s\"",
        "deadline" => "deadline = \"10min\"",
        "backoff" => "backoff = \"10s..5min\"",
        _ => "alerts = Slack::channel(\"ops\")",
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// Numbers with a minus before them are no literals of the language.
fn is_negative(value: &Expr) -> bool {
    matches!(value, Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)))
}

fn name(value: &Expr) -> Result<LitStr> {
    match literal(value) {
        Some(Lit::Str(name)) if name.value().trim().is_empty() => {
            Err(Error::new(name.span(), "the name of a task is not empty"))
        }
        Some(Lit::Str(name)) if name.value().chars().any(char::is_control) => {
            Err(Error::new(name.span(), "the name of a task is one line, without control characters"))
        }
        Some(Lit::Str(name)) => Ok(name.clone()),
        _ => Err(Error::new(value.span(), "the name of a task is a text in quotes")),
    }
}

fn flag(word: &str, value: &Expr) -> Result<bool> {
    match literal(value) {
        Some(Lit::Bool(flag)) => Ok(flag.value),
        _ => Err(Error::new(value.span(), format!("`{word}` stands alone, or is `true` or `false`"))),
    }
}

/// Returns the number and whether it may be more than 0.
fn retries(value: &Expr) -> Result<(TokenStream, bool)> {
    let wrong = || {
        Error::new(value.span(), "`retries` is a whole number from 0: how many attempts may follow the first")
    };
    match literal(value) {
        Some(Lit::Int(number)) => {
            let retries: u32 = number.base10_parse().map_err(|_| wrong())?;
            Ok((retries.into_token_stream(), retries > 0))
        }
        Some(_) => Err(wrong()),
        None if is_negative(value) => Err(wrong()),
        None => Ok((typed(value, "u32"), true)),
    }
}

fn limit(word: &str, value: &Expr) -> Result<TokenStream> {
    let wrong =
        |reason: String| Error::new(value.span(), format!("this `{word}` is no length of time: {reason}"));
    let micros = match literal(value) {
        Some(Lit::Str(text)) => span::micros(&text.value()).map_err(wrong)?,
        Some(Lit::Int(number)) if number.suffix().is_empty() => {
            span::seconds(number.base10_digits()).map_err(wrong)?
        }
        Some(Lit::Float(number)) if number.suffix().is_empty() => {
            span::seconds(number.base10_digits()).map_err(wrong)?
        }
        Some(_) => return Err(wrong("it is a text such as \"30s\", or a number of seconds".into())),
        None if is_negative(value) => return Err(wrong("it is negative".into())),
        None => return Ok(typed(value, "Duration")),
    };
    if micros == 0 {
        return Err(Error::new(value.span(), format!("a `{word}` of 0 leaves no time for an attempt")));
    }
    Ok(span::duration(micros))
}

fn backoff(value: &Expr) -> Result<TokenStream> {
    let wrong = |reason: String| {
        let text = format!("this `backoff` names no waits such as \"10s\" or \"10s..5min\": {reason}");
        Error::new(value.span(), text)
    };
    match literal(value) {
        Some(Lit::Str(text)) => span::backoff(&text.value()).map_err(wrong),
        Some(Lit::Int(number)) if number.suffix().is_empty() => {
            let micros = span::seconds(number.base10_digits()).map_err(wrong)?;
            Ok(span::constant(micros, 1, micros, 0))
        }
        Some(_) => Err(wrong("it is a text, or a number of seconds".into())),
        None if is_negative(value) => Err(wrong("it is negative".into())),
        None => Ok(typed(value, "Backoff")),
    }
}

/// An expression of the user, whose type is told at its place where it is another.
fn typed(value: &Expr, name: &str) -> TokenStream {
    let of = Ident::new(name, value.span());
    quote_spanned!(value.span()=> ::taskflows::__private::the::<::taskflows::__private::#of>(#value))
}
