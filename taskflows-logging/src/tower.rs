//! A request context for HTTP servers.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{RequestContext, generate_request_id};

/// The header that a request's id comes and goes in.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context: `00-<32 digits: the trace>-<16: the parent>-<2: flags>`.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// The longest id that is taken from a stranger.
const MAX_ID: usize = 128;

/// Gives each request of a server built on tower (axum, tonic, hyper) a [`RequestContext`].
///
/// `request_id` is the header `X-Request-Id`, where that is 1 to 128 letters, digits and `.` `_` `-` `:` `/` `+` `=` `@`,
/// else a new one; the answer says it in the same header. `trace_id` is the one of `traceparent`, where there is a valid
/// one. Source: W3C Trace Context.
///
/// Lines have both while the request is answered; what streams the body afterwards is outside. Where the server fails to
/// answer at all, there is no answer to say the id in.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use taskflows_logging::{RequestContextLayer, current_request_context};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let server = ServiceBuilder::new().layer(RequestContextLayer).service(service_fn(|_: Request<()>| async {
///     Ok::<_, Infallible>(Response::new(current_request_context().request_id))
/// }));
/// let request = Request::builder().header("X-Request-Id", "r-7").body(()).unwrap();
/// let answer = server.oneshot(request).await.unwrap();
/// assert_eq!(answer.headers()["X-Request-Id"], "r-7");
/// assert_eq!(answer.into_body().as_deref(), Some("r-7"));
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestContextLayer;

impl<S> Layer<S> for RequestContextLayer {
    type Service = RequestContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestContextService { inner }
    }
}

/// Answers requests within their contexts; [`RequestContextLayer`] makes it.
#[derive(Clone, Debug)]
pub struct RequestContextService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for RequestContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request_id(request.headers());
        let trace_id = trace_id(request.headers());
        let context = RequestContext { request_id: Some(id.clone()), trace_id, ..RequestContext::default() };
        // What the service does before it returns its future belongs to the request too.
        let answer = context.clone().in_scope(|| self.inner.call(request));
        Box::pin(async move {
            let mut answer = context.scope(answer).await?;
            if let Ok(value) = HeaderValue::try_from(id) {
                answer.headers_mut().insert(REQUEST_ID, value);
            }
            Ok(answer)
        })
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.filter(|id| is_request_id(id)).map_or_else(generate_request_id, str::to_owned)
}

fn is_request_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/+=@".contains(&byte);
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn trace_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(TRACE_PARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        // Only later versions may say more.
        && (version != "00" || parts.next().is_none());
    let is_set = |digits: &str| digits.bytes().any(|digit| digit != b'0');
    (is_valid && is_set(trace) && is_set(parent)).then(|| trace.to_owned())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn an_id_that_could_be_anything_else_is_replaced() {
        assert_eq!(request_id(&headers(REQUEST_ID, "Req-1.a:b/c+d=e@f_g")), "Req-1.a:b/c+d=e@f_g");
        for wrong in ["", "a b", "{\"x\":1}", "é", "a,b", &"x".repeat(129)] {
            let id = request_id(&headers(REQUEST_ID, wrong));
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{wrong} became {id}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn the_trace_is_taken_from_a_valid_parent_only() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let check = |parent: &str, expected: Option<&str>| {
            assert_eq!(trace_id(&headers(TRACE_PARENT, parent)).as_deref(), expected, "{parent}");
        };
        check(&format!("00-{trace}-00f067aa0ba902b7-01"), Some(trace));
        check(&format!("01-{trace}-00f067aa0ba902b7-01-more"), Some(trace));
        check(&format!("00-{trace}-00f067aa0ba902b7-01-more"), None);
        check(&format!("ff-{trace}-00f067aa0ba902b7-01"), None);
        check(&format!("00-{trace}-0000000000000000-01"), None);
        check(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None);
        check(&format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()), None);
        check("00", None);
    }
}
