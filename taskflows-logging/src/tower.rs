//! A request context for HTTP servers.
