use taskflows::task;

#[task(retires = 3)]
async fn slip_of_a_key() {}

#[task(colour = "red")]
async fn unknown_key() {}

#[task(retries = 1, timeout = 5, retries = 2)]
async fn key_given_twice() {}

#[task(timeout = "30 parsecs", backoff = "5min..10s")]
async fn two_slips_at_once() {}

#[task(timeout = 0)]
async fn no_time() {}

#[task(timeout = -1)]
async fn negative_time() {}

#[task(deadline = true)]
async fn wrong_kind_of_time() {}

#[task(retries = -1)]
async fn negative_retries() {}

#[task(retries = "3")]
async fn retries_as_text() {}

#[task(required = "yes")]
async fn flag_as_text() {}

#[task(name = "")]
async fn no_name() {}

#[task(name = hello)]
async fn name_without_quotes() {}

#[task(timeout)]
async fn no_value() {}

#[task(retries = 3 timeout = 5)]
async fn no_comma() {}

#[task("hello")]
async fn no_key() {}

#[task(blocking)]
async fn blocking_and_async() {}

fn main() {}
