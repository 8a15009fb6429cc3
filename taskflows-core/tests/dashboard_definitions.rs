//! Dashboards in definition files: one model through three doors, and errors that show their place.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::grafana::{Dashboard, Panel, PanelHeight};
use taskflows_core::schedule::Zones;
use taskflows_core::{
    Definition, DefinitionError, Format, ServiceName, Source, Surroundings, TimeSpan, read_in,
};

const TOML: &str = include_str!("files/dashboards.toml");

fn open(name: &str, text: &str) -> Result<Definition, DefinitionError> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let source = Source::new(name, text, Format::from_path(name).unwrap()).with_origin(format!("/{name}"));
    let variable = |name: &str| (name == "SECRET").then(|| "hunter2".to_owned());
    let open = |_: &Source, path: &str| match path {
        "shared.toml" => {
            let text = "dashboards = [{ title = 'Shared', services = '*' }]";
            Ok(vec![Source::new("shared.toml", text, Format::Toml).with_origin("/shared.toml".to_owned())])
        }
        _ => Err("no other file".to_owned()),
    };
    read_in(&source, &Surroundings { zones: &zones, variable: &variable, open: &open })
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

#[test]
fn dashboards_are_the_same_in_every_format_and_as_a_program_says_them() {
    let toml = open("a.toml", TOML).unwrap_or_else(|error| panic!("{error}"));
    let tree: serde_json::Value = serde_json::to_value(toml::from_str::<toml::Value>(TOML).unwrap()).unwrap();
    for file in ["a.json", "a.yaml"] {
        let other = open(file, &tree.to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(other.dashboards, toml.dashboards, "{file}");
        assert_eq!(other.place_of_dashboard("All"), Some(format!("/{file}").as_str()));
    }
    let worker = || name("worker");
    let rows = vec![
        vec![Panel::logs(worker()).height(PanelHeight::Large)],
        vec![
            Panel::search(worker(), "timeout \"x\"").width_fr(0.5).time_from(TimeSpan::from_secs(7_200)),
            Panel::count(worker())
                .text("ERROR")
                .period(TimeSpan::from_secs(600))
                .title("Errors")
                .time_shift(TimeSpan::from_secs(86_400)),
            Panel::count(name("web_server")).height(PanelHeight::ExtraLarge),
        ],
    ];
    assert_eq!(toml.dashboards[0], Dashboard::new("Worker logs", rows).unwrap());
    let small = [worker(), name("web_server")].map(|name| Panel::logs(name).height(PanelHeight::Small));
    assert_eq!(toml.dashboards[1], Dashboard::in_columns("All", &small, 3).unwrap());
    assert_eq!(toml.dashboards[2], Dashboard::of_services("One", [name("web_server")], 2).unwrap());
    assert_eq!(toml.dashboards.len(), 3);
}

#[test]
fn a_file_may_hold_dashboards_alone_and_an_included_one_speaks_of_all_services() {
    let alone = open("a.toml", "dashboards = [{ title = 'x', panels_grid = [{ service = 'y' }] }]").unwrap();
    assert_eq!((alone.services.len(), alone.dashboards.len()), (0, 1));
    let text = "include = 'shared.toml'\n[[services]]\nname = 'late'\nstart_command = 'x'\n";
    let shared = open("a.toml", text).unwrap();
    assert_eq!(shared.dashboards, [Dashboard::of_services("Shared", [name("late")], 2).unwrap()]);
    assert_eq!(shared.place_of_dashboard("Shared"), Some("/shared.toml"));
}

#[test]
fn a_slip_is_shown_with_its_place_and_the_nearest_word() {
    let one = |body: &str| format!("dashboards = [\n  {{ title = 'x', {body} }},\n]\n");
    let row = |panel: &str| one(&format!("rows = [{{ service = 'web', {panel} }}]"));
    let many = |count: usize| vec!["{ service = 'a' }"; count].join(", ");
    let cases = [
        "dashboards = { title = 'x' }".to_owned(),
        "dashboards = ['x']".to_owned(),
        "dashbords = []".to_owned(),
        "dashboards = [{ rows = [{ service = 'web' }] }]".to_owned(),
        "dashboards = [{ title = ' ', rows = [{ service = 'web' }] }]".to_owned(),
        one("row = [{ service = 'web' }]"),
        one("columns = 3"),
        one("rows = []"),
        one("rows = [[]]"),
        one("rows = { service = 'web' }"),
        one("rows = [{ service = 'web' }], services = '*'"),
        one("rows = [{ service = 'web' }], columns = 2"),
        one("rows = [{ service = 'web' }], panels_grid = [{ service = 'web' }]"),
        one(&format!("rows = [{{ service = 'a' }}, [{}]]", many(25))),
        one("services = '*'"),
        one("services = ['${env:SECRET}']"),
        one("services = []"),
        one("services = 'web', columns = 25"),
        one("rows = [{ servce = 'web' }]"),
        one("rows = [{ text = 'x' }]"),
        row("txet = 'x'"),
        row("heigth = 'sm'"),
        row("height = 'medium'"),
        row("type = 'serch'"),
        row("type = 'search'"),
        row("type = 'logs', text = 'x'"),
        row("type = 'search', text = 'x', period = '5min'"),
        row("text = ''"),
        row("period = 0"),
        row("period = '100ms'"),
        row("time_from = 'yesterday'"),
        row("width_fr = 2"),
        row("width_fr = 'half'"),
        one("rows = [[{ service = 'a', width_fr = 0.8 }, { service = 'b', width_fr = 0.8 }]]"),
        format!("{}dashboards", one("rows = [{ service = 'web' }]"))
            .replace("]\ndashboards", "  { title = 'x ', rows = [{ service = 'web' }] },\n]\n"),
    ];
    let told =
        cases.iter().map(|text| format!("{text}\n{}\n", open("a.toml", text).expect_err(text).render(false)));
    let told = told.collect::<Vec<_>>().join(&format!("\n{}\n", "-".repeat(72)));
    assert!(!told.contains("hunter2"));
    insta::assert_snapshot!(told);
}
