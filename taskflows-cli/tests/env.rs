//! Environments under names, what definitions share, and the schema.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use host::{Host, check};

#[test]
fn environments_are_kept_shown_changed_and_forgotten() {
    let mut host = Host::new();
    host.tf("env list");
    host.tf("env create science --venv /srv/science --description 'for the models'");
    host.write(
        "app.toml",
        "image = \"python:3.12\"\nhostname = \"app\"\nvolumes = [\"/srv/data:/data:ro\"]\n",
    );
    host.tf("env create app --file app.toml --dry-run");
    host.tf("env create app --file app.toml");
    host.tf("env create app --image other");
    host.write(
        "use.toml",
        "[[services]]\nname = \"train\"\nstart_command = \"python train.py\"\nenvironment = \"science\"\n",
    );
    host.tf("create use.toml");
    host.tf("env list");
    host.tf("env list -o wide");
    host.tf("env show app");
    host.tf("env show app -o json");
    host.tf("env remove app science");
    host.tf("env edit science --venv /srv/other");
    host.tf("env edit science --rename models");
    host.tf("env edit app --rename web --description 'serves'");
    host.tf("env remove web --dry-run");
    host.tf("env remove web");
    host.tf("env show web");
    check!(host);
}

#[test]
fn an_environment_that_is_none_is_told_with_its_place() {
    let mut host = Host::new();
    host.write("app.toml", "image = \"python:3.12\"\nhostnam = \"app\"\n");
    host.tf("env create app --file app.toml");
    host.write("app.toml", "path = \".venv\"\n");
    host.tf("env create app --file app.toml");
    host.tf("env create app");
    host.tf("env create app --image 'a b'");
    host.tf("env edit nothing --image x");
    host.tf("env list");
    check!(host);
}

#[test]
fn an_environment_is_changed_in_an_editor() {
    let mut host = Host::new();
    host.tf("env create app --image python:3.12");
    host.app.editor = Some("sed -i s/3.12/3.13/".to_owned());
    host.tf("env edit app");
    host.tf("env edit app --yes");
    host.tf("env show app -o yaml");
    host.app.editor = Some("true".to_owned());
    host.tf("env edit app --yes");
    host.app.editor = Some("sed -i s/image/imag/".to_owned());
    host.tf("env edit app --yes");
    host.interactive = true;
    host.answer = "n\n";
    host.tf("env edit app");
    check!(host);
}

#[test]
fn a_definition_includes_others_and_takes_variables() {
    let mut host = Host::new();
    std::fs::create_dir(host.files.path().join("parts")).unwrap();
    host.write("main.toml", "include = [\"parts/*.toml\"]\n[[services]]\nname = \"web-${env:REGION}\"\nstart_command = \"serve\"\n");
    host.write(
        "parts/b.toml",
        "[[services]]\nname = \"b\"\nstart_command = \"b\"\nstart_schedule = \"daily\"\n",
    );
    host.write("parts/a.toml", "[[services]]\nname = \"a\"\nstart_command = \"a\"\n");
    host.tf("validate main.toml -o name");
    host.tf("create main.toml");
    host.write("parts/b.toml", "[[services]]\nname = \"b\"\nstart_comand = \"b\"\n");
    host.tf("plan main.toml");
    host.write(
        "main.toml",
        "include = [\"nothing/*.toml\"]\n[[services]]\nname = \"x\"\nstart_command = \"${env:NOT_SET}\"\n",
    );
    host.tf("validate main.toml");
    // A part that is gone takes its services along, when that is asked for.
    host.write("main.toml", "include = [\"parts/a.toml\"]\nservices = []\n");
    host.tf("create main.toml --prune --yes");
    // A service is edited where it stands.
    host.app.editor = Some("sed -i s/\\\"a\\\"$/\\\"other\\\"/".to_owned());
    host.tf("edit a --yes");
    check!(host);
}

#[test]
fn the_schema_is_printed_for_editors() {
    let mut host = Host::new();
    host.tf("schema");
    let json: String = host.transcript.lines().filter_map(|line| line.strip_prefix("| ")).collect();
    let schema: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(schema["definitions"]["container"]["properties"]["hostname"].is_object());
}

#[test]
fn a_file_of_variables_that_never_ends_is_not_read() {
    let mut host = Host::new();
    let pipe = host.files.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let text = |file: &str| {
        format!("[[services]]\nname = \"web\"\nstart_command = \"serve\"\nenv_file = \"{file}\"\n")
    };
    host.write("pipe.toml", &text(&pipe.display().to_string()));
    host.write("zero.toml", &text("/dev/zero"));
    std::fs::File::create(host.files.path().join("great.env")).unwrap().set_len((16 << 20) + 1).unwrap();
    host.write("great.toml", &text("great.env"));
    for name in ["pipe.toml", "zero.toml", "great.toml"] {
        host.tf(&format!("validate {name}"));
    }
    std::fs::rename(&pipe, host.files.path().join("fifo.toml")).unwrap();
    host.tf("validate fifo.toml");
    check!(host);
}

#[test]
fn what_a_service_cannot_start_without_is_told() {
    let mut host = Host::new();
    let service =
        |name: &str, keys: &str| format!("[[services]]\nname = \"{name}\"\nstart_command = \"x\"\n{keys}\n");
    let missing = [
        ("venv", "environment = { path = \"venv\" }"),
        ("uv", "environment = { project = \"project\" }"),
        ("built", "environment = { image = { tag = \"built\", path = \"image\" } }"),
        ("place", "working_directory = \"place\""),
        ("file", "working_directory = \"jobs.toml\""),
        ("engine", "environment = { image = \"a\", engine_host = \"unix:///nowhere/docker.sock\" }"),
        ("secret", "credentials = { token = \"token\" }"),
    ];
    let there = [
        ("inside", "environment = { image = \"a\" }\nworking_directory = \"/place/inside\""),
        ("unknown", "environment = \"kept\"\nworking_directory = \"/place/perhaps/inside\""),
        ("home", "working_directory = \"~/place\""),
        ("good", "working_directory = \".\"\ncredentials = { token = \"jobs.toml\" }"),
    ];
    let file = |services: &[(&str, &str)]| {
        services.iter().map(|(name, keys)| service(name, keys)).collect::<String>()
    };
    host.write("missing.toml", &file(&missing));
    host.write("there.toml", &file(&there));
    host.tf("env create kept --image a");
    host.tf("validate missing.toml");
    host.tf("validate there.toml");
    host.tf("env create gone --venv none/");
    host.tf("env edit gone --description 'still gone'");
    host.tf("env edit gone --uv none/");
    check!(host);
}

#[test]
fn every_command_looks_for_the_environments_that_are_named() {
    let mut host = Host::new();
    host.tf("env create science --venv /srv/science");
    host.tf("env create app --image python:3.12");
    let service = |name: &str, environment: &str| {
        format!("[[services]]\nname = \"{name}\"\nstart_command = \"x\"\nenvironment = \"{environment}\"\n")
    };
    let defined = "[environments.prod]\npath = \"/srv/prod\"\n";
    let slips =
        format!("{defined}{}{}{}", service("a", "prd"), service("b", "sciense"), service("c", "other"));
    host.write("slips.toml", &slips);
    host.write("good.toml", &format!("{defined}{}{}", service("a", "prod"), service("b", "science")));
    host.write("unfit.toml", &format!("{}watchdog = \"5s\"\n", service("d", "app")));
    for verb in ["validate", "plan", "render"] {
        host.tf(&format!("{verb} slips.toml"));
    }
    host.tf("validate good.toml");
    // Another host may keep what a service names that is not meant here.
    host.write("mixed.toml", &format!("{}{}", service("a", "elsewhere"), service("b", "science")));
    host.tf("validate mixed.toml --exclude a");
    host.tf("validate unfit.toml");
    check!(host);
}
