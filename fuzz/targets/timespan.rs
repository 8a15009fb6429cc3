//! No text breaks lengths of time, and what is read is written so that it reads back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taskflows_core::TimeSpan;

fuzz_target!(|text: &str| {
    match text.parse::<TimeSpan>() {
        Ok(span) => assert_eq!(span.to_string().parse(), Ok(span), "{span} does not read back"),
        Err(error) => assert!(text.is_char_boundary(error.offset()), "{error:?}"),
    }
});
