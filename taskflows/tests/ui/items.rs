use taskflows::task;

#[task]
struct Report;

#[task]
impl Report {}

#[task]
mod reports {}

struct Reports;

impl Reports {
    #[task]
    async fn send(&self) {}
}

#[task]
const fn constant() {}

#[task]
unsafe fn unsound() {}

#[task]
async fn forever() -> ! {
    std::future::pending().await
}

#[task(required)]
async fn nameless() -> Result<(), impl std::error::Error> {
    Ok::<(), std::io::Error>(())
}

fn main() {}
