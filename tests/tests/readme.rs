//! The README says what happens: its definition is installed and its commands are typed as they stand.

use taskflows_tests::{LiveManager, repository};

/// Returns the fenced blocks of a language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Replaces what differs from run to run, numbers and times, by `#`.
fn settled(line: &str) -> String {
    let varies = |word: &&str| {
        let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        word.contains(|c: char| c.is_ascii_digit()) || day.contains(word) || month.contains(word)
    };
    let mut line = line.replace("just now", "1s ago");
    // Whoever runs this is no ann.
    if let Some((before, after)) = line.split_once("manual (")
        && let Some((_, after)) = after.split_once(')')
    {
        line = format!("{before}manual 1{after}");
    }
    let words = line.split_whitespace().map(|word| if varies(&word) { "#" } else { word });
    let mut words: Vec<&str> = words.collect();
    words.dedup_by(|a, b| a == b && *a == "#");
    words.join(" ")
}

fn shell(manager: &LiveManager, line: &str) -> String {
    let output = manager.command("sh").args(["-c", &format!("{line} 2>&1")]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_readme_shows_what_happens() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let manager = LiveManager::start();
    let definitions = blocks(&readme, "toml");
    manager.write("jobs.toml", &definitions[0]);
    manager.write("logs.toml", definitions.iter().find(|text| text.contains("import-orders")).unwrap());
    manager.write("alerts.toml", definitions.iter().find(|text| text.contains("sync-orders")).unwrap());
    let mut commands = 0;
    for step in blocks(&readme, "console").iter().flat_map(|block| block.split("$ ").skip(1)) {
        let (command, shown) = step.split_once('\n').unwrap();
        // The journal takes a moment to have what was written. A process that ends at once has or has not been started, as
        // systemd sees it.
        let ask = || -> Vec<String> {
            let ran = shell(&manager, command);
            ran.lines().filter(|line| !line.contains("systemd: Failed to start")).map(settled).collect()
        };
        let (mut told, mut shown): (Vec<String>, Vec<String>) = (ask(), shown.lines().map(settled).collect());
        for _ in 0..20 {
            if told.len() >= shown.len() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            told = ask();
        }
        if command.starts_with("tf logs") {
            // What the process says and what systemd says of it come in either order.
            told.sort();
            shown.sort();
        }
        assert_eq!(told, shown, "$ {command}");
        commands += 1;
    }
    assert_eq!(commands, 18, "the README's commands are found");
}

#[test]
fn the_readme_names_every_command_and_variable() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let manager = LiveManager::start();
    let help = manager.tf(&["--help"]).expect(0).stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().lines();
    let commands: Vec<&str> = commands
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 14, "{help}");
    for command in commands {
        assert!(readme.contains(&format!("`{command}`")), "{command} is not in the README");
        let help = manager.tf(&[command, "--help"]).expect(0).stdout;
        assert!(help.starts_with("Examples:\n  tf ") || help.contains("Examples:\n  generate"), "{help}");
    }
    let config = std::fs::read_to_string(repository().join("taskflows-cli/src/config.rs")).unwrap();
    for name in config.split('"').filter(|text| text.starts_with("TASKFLOWS_")) {
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
    }
}
