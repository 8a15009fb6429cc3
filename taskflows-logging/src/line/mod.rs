//! How an event becomes a line of JSON.
