use taskflows::task;

#[task]
async fn optional() -> Result<u32, std::io::Error> {
    Ok(1)
}

#[task(required)]
async fn required() -> Result<u32, std::io::Error> {
    Ok(1)
}

async fn caller() -> Result<u32, Box<dyn std::error::Error>> {
    let one: u32 = required().await?;
    Ok(one + optional().await?)
}

#[task]
async fn wrong_body() -> u32 {
    "one"
}

fn main() {
    drop(caller());
}
