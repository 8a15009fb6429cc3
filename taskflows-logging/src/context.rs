//! The request that lines belong to.

mod store;

use std::sync::{Arc, OnceLock};

use crate::Fields;
use crate::line::Parts;

/// What all lines say that are written while a request is served.
///
/// ```
/// use taskflows_logging::{RequestContext, current_request_context, fields, generate_request_id};
///
/// let context = RequestContext {
///     request_id: Some(generate_request_id()),
///     fields: fields! { user_id: 7, endpoint: "/api/users" },
///     ..RequestContext::default()
/// };
/// let seen = context.clone().in_scope(current_request_context);
/// assert_eq!(seen, context);
/// assert_eq!(current_request_context(), RequestContext::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestContext {
    /// Which request it is.
    pub request_id: Option<String>,
    /// Which trace it belongs to, across services.
    pub trace_id: Option<String>,
    /// More that lines say of it, in their `context`.
    pub fields: Fields,
}

impl RequestContext {
    /// Runs a future within this context, and within what of the context around is not in it. It goes with the future from
    /// thread to thread, and what is set within ends with it.
    ///
    /// A task that is spawned within is on its own. It is given the context so:
    ///
    /// ```
    /// use taskflows_logging::{RequestContext, current_request_context};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let context = RequestContext { request_id: Some("r-1".into()), ..RequestContext::default() };
    /// context.scope(async {
    ///     let work = async { current_request_context().request_id };
    ///     let carried = tokio::spawn(current_request_context().scope(work));
    ///     assert_eq!(carried.await.unwrap().as_deref(), Some("r-1"));
    /// }).await;
    /// # });
    /// ```
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        // The context around is the one where the future runs: it is looked at then, not where this is called.
        store::scope(Active::over_current(self), future).await
    }

    /// Runs a function within this context, and within what of the context around is not in it.
    ///
    /// ```
    /// use taskflows_logging::current_request_context;
    ///
    /// let carried = current_request_context();
    /// std::thread::spawn(move || carried.in_scope(|| tracing::info!("on another thread")));
    /// ```
    pub fn in_scope<R>(self, work: impl FnOnce() -> R) -> R {
        store::in_scope(Active::over_current(self), work)
    }

    /// Takes over what a newer context says; what it does not say stays.
    fn update(&mut self, newer: Self) {
        self.request_id = newer.request_id.or(self.request_id.take());
        self.trace_id = newer.trace_id.or(self.trace_id.take());
        self.fields.update(newer.fields);
    }
}

/// A context in use, with its parts of a line once they were needed.
#[derive(Debug)]
struct Active {
    context: RequestContext,
    parts: OnceLock<(usize, Parts)>,
}

impl Active {
    fn over_current(newer: RequestContext) -> Arc<Self> {
        let mut context = current_request_context();
        context.update(newer);
        Arc::new(Self { context, parts: OnceLock::new() })
    }

    fn render(&self, limit: usize) -> Parts {
        let RequestContext { request_id, trace_id, fields } = &self.context;
        let mut parts = Parts::default();
        // What the context itself says first: it wins over fields of that name.
        for (name, id) in [("request_id", request_id), ("trace_id", trace_id)] {
            if let Some(id) = id {
                parts.slot(name, false).set(name, id, limit);
            }
        }
        for (name, value) in fields.iter() {
            parts.add(name, value, limit);
        }
        parts
    }

    fn add_to(&self, parts: &mut Parts, limit: usize) {
        let (made_for, rendered) = self.parts.get_or_init(|| (limit, self.render(limit)));
        if *made_for == limit {
            parts.merge(rendered);
        } else {
            parts.merge(&self.render(limit));
        }
    }
}

/// Adds what the current context says and `parts` does not.
pub(crate) fn add_to(parts: &mut Parts, limit: usize) {
    store::with_current(|active| active.add_to(parts, limit));
}

/// Sets what lines say from here on of the request they belong to. What was set before and is not named stays.
///
/// Where "here" is depends on what runs:
///
/// | called | it holds |
/// |---|---|
/// | within [`with_request_context`], [`RequestContext::scope`] or [`in_request_context`] | to the end of the innermost of them, on whatever thread it goes on; then what was before holds again |
/// | in a task of tokio, outside of them | for this task, on whatever thread it goes on, until [`clear_request_context`]. 32,768 tasks are remembered; a scope needs no remembering and no clearing, so take one where you can |
/// | elsewhere: a plain thread, the future given to `block_on` | on this thread, until [`clear_request_context`] |
///
/// No task sees what another has set.
///
/// ```
/// use taskflows_logging::{
///     RequestContext, clear_request_context, fields, generate_request_id, set_request_context,
/// };
///
/// set_request_context(RequestContext {
///     request_id: Some(generate_request_id()),
///     fields: fields! { user_id: 7 },
///     ..RequestContext::default()
/// });
/// tracing::info!("processing_request");
/// clear_request_context();
/// ```
pub fn set_request_context(context: RequestContext) {
    store::set(Some(Active::over_current(context)));
}

/// Ends what [`set_request_context`] has set, and within a scope what the scope was given, up to its end.
pub fn clear_request_context() {
    store::set(None);
}

/// Returns the context that lines written here have: to look at, or to carry it to another task or thread.
///
/// It is empty where there is none.
pub fn current_request_context() -> RequestContext {
    store::with_current(|active| active.context.clone()).unwrap_or_default()
}

/// Runs a future within a context; see [`RequestContext::scope`].
pub async fn with_request_context<F: Future>(context: RequestContext, future: F) -> F::Output {
    context.scope(future).await
}

/// Runs a function within a context; see [`RequestContext::in_scope`].
pub fn in_request_context<R>(context: RequestContext, work: impl FnOnce() -> R) -> R {
    context.in_scope(work)
}

/// Returns a new id for a request: a random UUID, 36 characters.
///
/// ```
/// assert_eq!(taskflows_logging::generate_request_id().len(), 36);
/// ```
pub fn generate_request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
