//! What a task costs beside tokio itself, and whether a million of them leave anything behind.
//!
//! `cargo bench -p taskflows --bench task`. Bodies do nothing, so what is measured is what is around them. A sample is
//! many calls within one block, so its time is divided by their number: 130 µs of 1000 calls are 130 ns a call.

#![expect(clippy::print_stdout, reason = "figures are for whoever runs this")]

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use taskflows::{ErrorView, Task, TaskPolicy, task};
use tokio::runtime::Runtime;

/// Calls of a sample, so that entering the runtime does not show.
const CALLS: u32 = 1000;
const LIMIT: Duration = Duration::from_secs(30);
/// How much memory a million tasks may leave behind: pages that an allocator keeps, no more.
const GROWTH_KIB: u64 = 1024;

fn main() {
    report_growth();
    divan::main();
}

async fn body(number: u32) -> Result<u32, Infallible> {
    black_box(Ok(number))
}

#[task(required)]
async fn plain(number: u32) -> Result<u32, Infallible> {
    body(number).await
}

#[task(required, timeout = "30s")]
async fn limited(number: u32) -> Result<u32, Infallible> {
    body(number).await
}

#[task(required, retries = 3, timeout = "30s", deadline = "1h", backoff = "10s..5min")]
async fn retried(number: u32) -> Result<u32, Infallible> {
    body(number).await
}

#[task(retries = 1, backoff = "0")]
async fn fails() -> Result<u32, &'static str> {
    black_box(Err("no answer"))
}

#[task(required)]
fn in_place(number: u32) -> Result<u32, Infallible> {
    black_box(Ok(number))
}

#[task(required, timeout = "30s")]
fn on_thread(number: u32) -> Result<u32, Infallible> {
    black_box(Ok(number))
}

#[task(required, blocking)]
fn on_blocking_thread(number: u32) -> Result<u32, Infallible> {
    black_box(Ok(number))
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|error| panic!("could not start a runtime: {error}"))
}

fn calls<F: Future>(bencher: Bencher<'_, '_>, count: u32, call: impl Fn(u32) -> F) {
    let runtime = runtime();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        runtime.block_on(async {
            for number in 0..count {
                black_box(call(black_box(number)).await);
            }
        });
    });
}

#[divan::bench]
fn a_bare_future(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, body);
}

#[divan::bench]
fn b_tokio_timeout(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, |number| tokio::time::timeout(LIMIT, body(number)));
}

#[divan::bench]
fn c_task(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, plain);
}

#[divan::bench]
fn d_task_with_timeout(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, limited);
}

#[divan::bench]
fn e_task_with_retries_and_limits(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, retried);
}

#[divan::bench]
fn f_task_without_the_macro(bencher: Bencher<'_, '_>) {
    let task = Task::new("body", TaskPolicy { timeout: Some(LIMIT), ..TaskPolicy::default() });
    calls(bencher, CALLS, |number| task.run(ErrorView::of_error(), move || body(number)));
}

#[divan::bench]
fn g_task_that_fails_twice(bencher: Bencher<'_, '_>) {
    calls(bencher, 100, |_| fails());
}

#[divan::bench]
fn h_tokio_spawn_and_timeout(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, |number| tokio::spawn(tokio::time::timeout(LIMIT, body(number))));
}

#[divan::bench]
fn i_task_spawned(bencher: Bencher<'_, '_>) {
    calls(bencher, CALLS, |number| tokio::spawn(limited(number)));
}

#[divan::bench]
fn j_sync_task_in_place(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(CALLS)).bench_local(|| {
        for number in 0..CALLS {
            let _ = black_box(in_place(black_box(number)));
        }
    });
}

#[divan::bench]
fn k_sync_task_with_timeout(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| on_thread(black_box(7)));
}

#[divan::bench]
fn l_tokio_spawn_blocking(bencher: Bencher<'_, '_>) {
    calls(bencher, 100, |number| tokio::task::spawn_blocking(move || black_box(number)));
}

#[divan::bench]
fn m_sync_task_blocking(bencher: Bencher<'_, '_>) {
    calls(bencher, 100, on_blocking_thread);
}

/// Runs a million tasks and tells by how much the process grew.
fn report_growth() {
    let runtime = runtime();
    let run = |count: u32| {
        runtime.block_on(async {
            for number in 0..count {
                let _ = black_box(retried(number).await);
            }
        });
    };
    run(10_000);
    let (before, began) = (resident_kib(), Instant::now());
    run(1_000_000);
    let (after, took) = (resident_kib(), began.elapsed());
    println!("1,000,000 tasks in {took:.2?}: {before} KiB resident before, {after} KiB after");
    assert!(after <= before + GROWTH_KIB, "memory grew");
}

/// Source: proc_pid_status(5), `VmRSS`.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
