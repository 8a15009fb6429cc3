use std::rc::Rc;
use std::sync::mpsc::Receiver;

use taskflows::task;

#[task(retries = 1)]
async fn not_clone(jobs: Receiver<u32>) {
    drop(jobs);
}

#[task(timeout = "30s")]
fn not_send(shared: Rc<u32>) {
    drop(shared);
}

#[task(timeout = 30u64 as f64)]
async fn no_duration() {}

#[task(retries = u64::MAX)]
async fn no_number_of_retries() {}

#[task(alerts = "ops")]
async fn nobody_to_tell() {}

type Answer = Result<u32, std::io::Error>;

#[task]
async fn hidden_errors() -> Answer {
    Ok(1)
}

struct Opaque;

#[task]
async fn unreadable_error() -> Result<(), Opaque> {
    Err(Opaque)
}

fn main() {}
