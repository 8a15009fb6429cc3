//! Lengths of time and backoffs, as the core crate reads them, read here so that a slip is told by the compiler.

use proc_macro2::TokenStream;
use quote::quote;

const SECOND: u64 = 1_000_000;
/// Microseconds of each unit that systemd.time(7) names.
const UNITS: [(&[&str], u64); 9] = [
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], SECOND),
    (&["m", "min", "minute", "minutes"], 60 * SECOND),
    (&["h", "hr", "hour", "hours"], 3_600 * SECOND),
    (&["d", "day", "days"], 86_400 * SECOND),
    (&["w", "week", "weeks"], 604_800 * SECOND),
    (&["M", "month", "months"], 2_629_800 * SECOND),
    (&["y", "year", "years"], 31_557_600 * SECOND),
];

/// Reads `1h 30min` as microseconds.
pub(crate) fn micros(text: &str) -> Result<u64, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    let mut sum = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        sum = sum.checked_add(component(number, unit)?).ok_or("it is too long")?;
        rest = tail.trim_start();
    }
    Ok(sum)
}

fn component(number: &str, unit: &str) -> Result<u64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(fraction) || !(is_number(whole) || whole.is_empty() && number.starts_with('.')) {
        return Err("expected a number and a unit such as 5min".into());
    }
    let micros = UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|&(_, micros)| micros);
    let micros = micros.ok_or("its unit is none of us ms s min h d w month y")?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| "it is too long")? };
    let (mut part, mut below) = (micros, 0);
    for digit in fraction.bytes() {
        part /= 10;
        below += u64::from(digit - b'0') * part;
    }
    whole
        .checked_mul(micros)
        .and_then(|micros| micros.checked_add(below))
        .ok_or_else(|| "it is too long".into())
}

/// Reads seconds, whole or not, as microseconds.
pub(crate) fn seconds(number: &str) -> Result<u64, String> {
    component(number, "s")
}

pub(crate) fn duration(micros: u64) -> TokenStream {
    quote!(::taskflows::__private::Duration::from_micros(#micros))
}

/// Reads `10s`, `10s..5min` or `10s..5min x3 ~20%` and writes the `Backoff`.
pub(crate) fn backoff(text: &str) -> Result<TokenStream, String> {
    let (rest, jitter) = match text.split_once('~') {
        Some((rest, jitter)) => (rest, Some(percent(jitter)?)),
        None => (text, None),
    };
    let (spans, factor) = match rest.split_once('x') {
        Some((spans, factor)) => (spans, Some(whole(factor)?)),
        None => (rest, None),
    };
    let (initial, factor, max, jitter) = match spans.split_once("..") {
        Some((initial, max)) => (micros(initial)?, factor.unwrap_or(2), micros(max)?, jitter.unwrap_or(10)),
        None if factor.is_some() => return Err("waits that grow need a longest one, as in 10s..5min".into()),
        None => (micros(spans)?, 1, micros(spans)?, jitter.unwrap_or(0)),
    };
    if initial > max {
        return Err("the first wait is longer than the longest".into());
    }
    if initial == 0 && max > 0 {
        return Err("waits that begin with none never grow".into());
    }
    Ok(constant(initial, factor, max, jitter))
}

pub(crate) fn constant(initial: u64, factor: u32, max: u64, jitter: u8) -> TokenStream {
    let (initial, max) = (duration(initial), duration(max));
    quote! {
        ::taskflows::__private::Backoff {
            initial: #initial,
            factor: #factor,
            max: #max,
            jitter_percent: #jitter,
        }
    }
}

fn whole(text: &str) -> Result<u32, String> {
    let factor = text.trim().parse().ok().filter(|&factor| factor > 0);
    factor.ok_or_else(|| format!("its factor `{}` is no whole number from 1", text.trim()))
}

fn percent(text: &str) -> Result<u8, String> {
    let percent = text.trim().strip_suffix('%').and_then(|digits| digits.trim_end().parse().ok());
    let percent = percent.filter(|&percent: &u8| percent <= 100);
    percent.ok_or_else(|| format!("its jitter `{}` is no percentage such as 10%", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_core_reads_them() {
        for text in [
            "30s",
            "90",
            "5min",
            "1h 30min",
            "1h30min",
            "1.5h",
            ".5s",
            "2M",
            "250ms",
            "1 week",
            "0",
            "",
            "soon",
            "5 parsecs",
            "-1s",
            "1..5s",
            "5min x",
            "1.s",
            "1.5.5s",
            "99999999999999999999s",
            "1µs",
        ] {
            let core = text.parse::<taskflows_core::TimeSpan>().ok().map(taskflows_core::TimeSpan::micros);
            assert_eq!(micros(text).ok(), core, "{text:?}");
        }
    }

    #[test]
    fn backoffs_are_read_as_core_reads_them() {
        for text in [
            "10s",
            "10s..5min",
            "10s..5min x3",
            "10s..5min x3 ~20%",
            "10s ~5%",
            "0",
            "",
            "5min..10s",
            "0..5min",
            "10s..5min x0",
            "10s x2",
            "10s ~200%",
            "10s ~10",
            "10s..",
            "10s..5min xy",
        ] {
            let written = text.parse::<taskflows_core::task::Backoff>().map(|read| {
                let micros = |span: std::time::Duration| span.as_micros().try_into().unwrap();
                constant(micros(read.initial), read.factor, micros(read.max), read.jitter_percent).to_string()
            });
            assert_eq!(backoff(text).map(|tokens| tokens.to_string()).ok(), written.ok(), "{text:?}");
        }
    }
}
