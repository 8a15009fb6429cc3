//! What is written in place of the function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, Ident, Item, ItemFn, Pat, PatIdent, PathArguments, Result, ReturnType,
    Signature, Type,
};

use crate::arguments::Arguments;

pub(crate) fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The function stays as it is beside an error, so that its own errors and callers are not in doubt.
    let original = item.clone();
    let expanded = syn::parse2::<Arguments>(arguments).and_then(|arguments| {
        let function = function(item)?;
        check(&function.sig, &arguments)?;
        expand(&arguments, function)
    });
    expanded.unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#error #original)
    })
}

fn function(item: TokenStream) -> Result<ItemFn> {
    let what = match syn::parse2::<Item>(item)? {
        Item::Fn(function) => return Ok(function),
        Item::Struct(item) => (item.struct_token.span, "a struct"),
        Item::Enum(item) => (item.enum_token.span, "an enum"),
        Item::Impl(item) => (item.impl_token.span, "an impl"),
        Item::Trait(item) => (item.trait_token.span, "a trait"),
        Item::Mod(item) => (item.mod_token.span, "a module"),
        other => (other.span(), "something else"),
    };
    Err(Error::new(what.0, format!("a task is made of a function, and this is {}", what.1)))
}

fn check(signature: &Signature, arguments: &Arguments) -> Result<()> {
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        let text = "a task is a free function, not a method: make one and call it from the method, or use `run_task` there";
        return Err(Error::new(receiver.self_token.span, text));
    }
    if let Some(token) = &signature.constness {
        return Err(Error::new(token.span, "a task runs with a clock, which a `const` function has not"));
    }
    if matches!(signature.safety, syn::Safety::Unsafe(_))
        || signature.abi.is_some()
        || signature.variadic.is_some()
    {
        return Err(Error::new(signature.fn_token.span, "a task is a safe function of Rust"));
    }
    if let ReturnType::Type(_, never) = &signature.output
        && matches!(&**never, Type::Never(_))
    {
        return Err(Error::new(never.span(), "a task comes to an end: this function never returns"));
    }
    match arguments.blocking {
        Some(blocking) if signature.asyncness.is_some() => {
            Err(Error::new(blocking, "`blocking` is for functions that are not async: it makes them awaited"))
        }
        _ => Ok(()),
    }
}

/// What the function returns, as the task sees it.
struct Output {
    /// The type as written.
    written: Type,
    value: TokenStream,
    error: TokenStream,
    is_result: bool,
}

fn output(signature: &Signature) -> Output {
    let written = match &signature.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, written) => (**written).clone(),
    };
    if let Type::Path(path) = &written
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
    {
        if let PathArguments::AngleBracketed(generics) = &last.arguments {
            let types: Vec<&Type> = generics.args.iter().filter_map(as_type).collect();
            if let [value, error] = types[..] {
                let (value, error) = (value.to_token_stream(), error.to_token_stream());
                return Output { value, error, is_result: true, written };
            }
        }
        let of = quote_spanned!(written.span()=> <#written as ::taskflows::__private::TaskResult>);
        return Output { value: quote!(#of::Value), error: quote!(#of::Error), is_result: true, written };
    }
    let error = quote!(::taskflows::__private::Infallible);
    Output { value: written.to_token_stream(), error, is_result: false, written }
}

fn as_type(argument: &GenericArgument) -> Option<&Type> {
    match argument {
        GenericArgument::Type(written) => Some(written),
        _ => None,
    }
}

/// The arguments of the function: the wrapper names them, the body keeps its patterns.
fn parameters(signature: &mut Signature) -> Vec<(Ident, Span)> {
    let mut names = Vec::new();
    for (place, input) in signature.inputs.iter_mut().enumerate() {
        let FnArg::Typed(input) = input else { continue };
        let name = match &*input.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
            other => format_ident!("argument_{place}", span = other.span()),
        };
        names.push((name.clone(), input.ty.span()));
        let pattern = PatIdent { attrs: vec![], by_ref: None, mutability: None, ident: name, subpat: None };
        *input.pat = Pat::Ident(pattern);
    }
    names
}

fn expand(arguments: &Arguments, function: ItemFn) -> Result<TokenStream> {
    let ItemFn { attrs, vis, sig, block, .. } = function;
    let output = output(&sig);
    if contains_impl(output.error.clone()) {
        return Err(Error::new(
            output.written.span(),
            "the error of a task is a type with a name, so that it can be read",
        ));
    }
    let mut body = sig.clone();
    body.ident = Ident::new("__task_body", sig.ident.span());
    let mut wrapper = sig.clone();
    let names = parameters(&mut wrapper);
    let (value, error) = (&output.value, &output.error);
    let returned = if arguments.is_required {
        quote!(-> ::taskflows::__private::Result<#value, ::taskflows::TaskError<#error>>)
    } else {
        quote!(-> ::taskflows::__private::Option<#value>)
    };
    wrapper.output = syn::parse2(returned)?;
    if arguments.blocking.is_some() {
        wrapper.asyncness = Some(Default::default());
    }
    // An error that cannot be read at all is told at its type.
    let view = quote_spanned!(output.written.span()=> (&&&&&Reading::<#error>::NEW).view());
    let (task, guard) = (declared(arguments, &sig.ident), guard(&output));
    let run = run(arguments, &sig, &names, &output);
    let ended = if arguments.is_required { quote!(result) } else { quote!(result.ok()) };
    Ok(quote! {
        #(#attrs)*
        #vis #wrapper {
            #body #block
            #guard
            #task
            let view = {
                use ::taskflows::__private::view::*;
                #view
            };
            let result = #run;
            #ended
        }
    })
}

/// A type that is a `Result` by another name would hide its errors.
fn guard(output: &Output) -> TokenStream {
    let written = &output.written;
    if output.is_result || contains_impl(written.to_token_stream()) {
        return TokenStream::new();
    }
    quote_spanned! {written.span()=>
        let _ = <#written as ::taskflows::__private::NameTheTypeResultSoThatErrorsAreSeen<_>>::IS_NAMED;
    }
}

fn contains_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(word) => word == "impl",
        proc_macro2::TokenTree::Group(group) => contains_impl(group.stream()),
        _ => false,
    })
}

/// The task itself, made at its first call.
fn declared(arguments: &Arguments, function: &Ident) -> TokenStream {
    let name = arguments.name.as_ref().map_or_else(|| function.to_string(), syn::LitStr::value);
    let required = arguments.is_required;
    let retries = arguments.retries.clone().unwrap_or_else(|| quote!(0));
    let limit = |limit: &Option<TokenStream>| match limit {
        Some(limit) => quote!(::taskflows::__private::Some(#limit)),
        None => quote!(::taskflows::__private::None),
    };
    let (timeout, deadline) = (limit(&arguments.timeout), limit(&arguments.deadline));
    let default = quote!(::taskflows::__private::Default::default());
    let backoff = arguments.backoff.clone().unwrap_or(default);
    let alerts = arguments.alerts.as_ref().map(
        |alerts| quote_spanned!(alerts.span()=> let task = ::taskflows::__private::alerted(task, #alerts);),
    );
    quote! {
        static TASK: ::taskflows::__private::LazyLock<::taskflows::Task> =
            ::taskflows::__private::LazyLock::new(|| {
                let policy = ::taskflows::TaskPolicy {
                    required: #required,
                    retries: #retries,
                    timeout: #timeout,
                    deadline: #deadline,
                    backoff: #backoff,
                };
                let task = ::taskflows::Task::new(#name, policy);
                #alerts
                task
            });
    }
}

/// The call that makes the attempts.
fn run(
    arguments: &Arguments,
    signature: &Signature,
    names: &[(Ident, Span)],
    output: &Output,
) -> TokenStream {
    let idents: Vec<&Ident> = names.iter().map(|(name, _)| name).collect();
    // Each attempt but the only one has copies of the arguments.
    let copies = names.iter().filter(|_| arguments.is_repeated).map(|(name, of)| {
        let copy = quote_spanned!(*of=> ::taskflows::__private::copied(&#name));
        quote!(let #name = #copy;)
    });
    let call = quote!(__task_body(#(#idents),*));
    let is_async = signature.asyncness.is_some();
    let call = if is_async { quote!(#call.await) } else { call };
    let error = &output.error;
    let result =
        if output.is_result { call } else { quote!(::taskflows::__private::Result::<_, #error>::Ok(#call)) };
    let repeated = |attempt: TokenStream| {
        let copies = copies;
        if arguments.is_repeated {
            quote!(|| { #(#copies)* #attempt })
        } else {
            quote!(::taskflows::__private::once(move || #attempt))
        }
    };
    match (is_async, arguments.blocking, arguments.limit) {
        (true, ..) => {
            let body = repeated(quote!(async move { #result }));
            quote!(TASK.run(view, #body).await)
        }
        // What does not fit on another thread is told where the thread is asked for.
        (false, Some(asked), _) => {
            let body = repeated(quote!(move || #result));
            quote_spanned!(asked=> TASK.run_blocking(view, #body).await)
        }
        (false, None, Some(asked)) => {
            let body = repeated(quote!(move || #result));
            quote_spanned!(asked=> TASK.run_on_thread(view, #body))
        }
        (false, None, None) => {
            let body = repeated(result);
            quote!(TASK.run_in_place(view, #body))
        }
    }
}
