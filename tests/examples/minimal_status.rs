//! The least a status of every timer can cost, for `scripts/bench` to hold `tf status` against: the unit
//! directory, one list of units, and one property of each timer.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;

use futures_util::future::join_all;
use zbus::{Connection, OwnedObjectPath, OwnedVariant};

type Unit = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

const MANAGER: &str = "org.freedesktop.systemd1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::path::PathBuf::from(std::env::var("HOME")?).join(".config/systemd/user");
    let files: Vec<String> = std::fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("taskflows-") && name.ends_with(".timer"))
        .collect();
    let bus = Connection::session().await?;
    let (none, patterns): (&[&str], &[&str]) = (&[], &["taskflows-*"]);
    let interface = format!("{MANAGER}.Manager");
    let object = "/org/freedesktop/systemd1";
    let method = "ListUnitsByPatterns";
    let reply = bus.call_method(Some(MANAGER), object, Some(&*interface), method, &(none, patterns)).await?;
    let units: Vec<Unit> = reply.body().deserialize()?;
    let units: HashMap<&str, &Unit> = units.iter().map(|unit| (unit.0.as_str(), unit)).collect();
    let next = files.iter().filter_map(|file| units.get(file.as_str())).map(|unit| {
        let (bus, asked) = (&bus, (format!("{MANAGER}.Timer"), "NextElapseUSecRealtime"));
        async move {
            let properties = Some("org.freedesktop.DBus.Properties");
            let reply = bus.call_method(Some(MANAGER), &unit.6, properties, "Get", &asked).await?;
            let value: OwnedVariant = reply.body().deserialize()?;
            Ok::<_, zbus::Error>((&unit.0, &unit.3, value.downcast_ref::<u64>().unwrap_or(0)))
        }
    });
    let mut text = String::new();
    for answer in join_all(next).await {
        let (name, state, next) = answer?;
        writeln!(text, "{name} {state} {next}")?;
    }
    print!("{text}");
    Ok(())
}
