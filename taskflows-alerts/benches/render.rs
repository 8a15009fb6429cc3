//! How fast messages are rendered: `cargo bench -p taskflows-alerts --bench render`.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run should end")]

#[path = "../tests/messages/mod.rs"]
mod messages;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use taskflows_alerts::{Message, render};

fn main() {
    divan::main();
}

const MESSAGES: [&str; 3] = ["one line", "failure", "200 rows"];

fn bench<T>(bencher: Bencher<'_, '_>, which: &str, render: fn(&Message) -> T) {
    let message = match which {
        "one line" => messages::one_line(),
        "failure" => messages::failure(),
        _ => messages::table(200),
    };
    bencher.counter(ItemsCount::new(1_usize)).bench(|| render(black_box(&message)));
}

#[divan::bench(args = MESSAGES)]
fn subject(bencher: Bencher<'_, '_>, which: &str) {
    bench(bencher, which, render::subject);
}

#[divan::bench(args = MESSAGES)]
fn plain(bencher: Bencher<'_, '_>, which: &str) {
    bench(bencher, which, render::plain);
}

#[divan::bench(args = MESSAGES)]
fn html(bencher: Bencher<'_, '_>, which: &str) {
    bench(bencher, which, render::html);
}

#[divan::bench(args = MESSAGES)]
fn slack(bencher: Bencher<'_, '_>, which: &str) {
    bench(bencher, which, render::slack);
}

#[divan::bench(args = MESSAGES)]
fn discord(bencher: Bencher<'_, '_>, which: &str) {
    bench(bencher, which, render::discord);
}
