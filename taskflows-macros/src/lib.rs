#![doc = include_str!("../README.md")]

mod arguments;
mod expand;
mod span;
mod word;

use proc_macro::TokenStream;

/// Makes a task of a function: tried again where it fails, within limits, logged and alerted.
///
/// The documentation stands where it is used from, at `taskflows::task`.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::task(arguments.into(), item.into()).into()
}
