//! Calendar expressions of all kinds, most of them valid.

use proptest::prelude::*;

/// Zones whose clocks do odd things: no change, negative summer time, half an hour, 45 minutes, months around
/// Ramadan, a day that was left out, two hours, changes at midnight.
pub const ODD_ZONES: [&str; 14] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Asia/Kolkata",
    "America/St_Johns",
    "Asia/Beirut",
    "America/Santiago",
    "Pacific/Auckland",
];

pub type Text = BoxedStrategy<String>;

/// One of the texts.
fn any_of(texts: &'static [&'static str]) -> Text {
    prop::sample::select(texts).prop_map(str::to_owned).boxed()
}

/// A number of a field, now and then one beside it.
fn number(from: u32, to: u32) -> Text {
    prop_oneof![
        20 => (from..=to).prop_map(|number| number.to_string()),
        10 => (from..=to).prop_map(|number| format!("{number:02}")),
        2 => prop::sample::select(vec![from, to]).prop_map(|number| number.to_string()),
        1 => (to..=to + 3).prop_map(|number| number.to_string()),
    ]
    .boxed()
}

/// One element of a field's list, most of them within `from..=to`.
fn component(number: Text, step: Text) -> Text {
    prop_oneof![
        6 => number.clone(),
        2 => (number.clone(), number.clone()).prop_map(|(a, b)| {
            let (a_number, b_number) = (a.parse::<f64>().unwrap_or(0.0), b.parse::<f64>().unwrap_or(0.0));
            if a_number <= b_number { format!("{a}..{b}") } else { format!("{b}..{a}") }
        }),
        1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("{a}..{b}")),
        2 => (number.clone(), step.clone()).prop_map(|(a, step)| format!("{a}/{step}")),
        1 => (number.clone(), number, step).prop_map(|(a, b, step)| format!("{a}..{b}/{step}")),
    ]
    .boxed()
}

fn chain(number: Text, step: Text) -> Text {
    let component = component(number, step);
    prop_oneof![
        4 => Just("*".to_owned()),
        5 => component.clone(),
        2 => prop::collection::vec(component, 2..5).prop_map(|list| list.join(",")),
    ]
    .boxed()
}

fn plain_chain(from: u32, to: u32) -> Text {
    chain(number(from, to), prop_oneof![8 => number(1, 12), 1 => number(0, 40)].boxed())
}

fn year() -> Text {
    let number = prop_oneof![
        6 => 2020u32..2040,
        2 => 0u32..100,
        2 => 1965u32..1975,
        2 => 2190u32..2205,
        1 => 0u32..3000,
    ];
    let number = prop_oneof![
        number.clone().prop_map(|number| number.to_string()),
        number.prop_map(|number| format!("{number:04}"))
    ];
    prop_oneof![2 => Just("*".to_owned()), 2 => chain(number.boxed(), plain_number(1, 9))].boxed()
}

fn plain_number(from: u32, to: u32) -> Text {
    (from..=to).prop_map(|number| number.to_string()).boxed()
}

pub fn second() -> Text {
    let whole = number(0, 59);
    let fraction = prop_oneof!["[0-9]{1,6}", "0{0,6}[0-9]{1,3}", "99999[0-9]{1,2}"];
    let number = prop_oneof![
        3 => whole.clone(),
        2 => (whole, fraction.clone()).prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
    ];
    let step = prop_oneof![
        3 => plain_number(1, 30),
        2 => (0u32..9, fraction).prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
    ];
    chain(number.boxed(), step.boxed())
}

fn weekdays() -> Text {
    let day = any_of(&["Mon", "tue", "Wednesday", "THU", "Friday", "sat", "Sun"]);
    let range = (0usize..7, 0usize..7, any_of(&["..", "-"])).prop_map(|(a, b, dots)| {
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        format!("{}{dots}{}", names[a.min(b)], names[a.max(b)])
    });
    let part = prop_oneof![3 => day.clone(), 2 => range, 1 => (day.clone(), day).prop_map(|(a, b)| format!("{a}..{b}"))];
    prop_oneof![
        5 => Just(String::new()),
        5 => prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(",")),
    ]
    .prop_flat_map(|days| {
        let gap = if days.is_empty() { any_of(&[""]) } else { any_of(&[" ", " ", " ", "  ", ", ", ""]) };
        gap.prop_map(move |gap| format!("{days}{gap}"))
    })
    .boxed()
}

fn date() -> Text {
    let day =
        prop_oneof![3 => plain_chain(1, 31), 1 => plain_chain(1, 28), 1 => plain_number(28, 31)].boxed();
    let month = plain_chain(1, 12);
    let mark = any_of(&["-", "-", "-", "~"]);
    prop_oneof![
        4 => Just(String::new()),
        2 => Just("*-*-*".to_owned()),
        6 => (year(), month.clone(), mark.clone(), day.clone()).prop_map(|(y, m, mark, d)| format!("{y}-{m}{mark}{d}")),
        3 => (month, mark, day).prop_map(|(m, mark, d)| format!("{m}{mark}{d}")),
    ]
    .boxed()
}

fn time() -> Text {
    let (hour, minute) = (plain_chain(0, 23), plain_chain(0, 59));
    prop_oneof![
        2 => Just(String::new()),
        // At the hours at which clocks change.
        3 => (0u32..4, minute.clone()).prop_map(|(hour, minute)| format!("{hour}:{minute}")),
        3 => (hour.clone(), minute.clone()).prop_map(|(hour, minute)| format!("{hour}:{minute}")),
        4 => (hour, minute, second()).prop_map(|(hour, minute, second)| format!("{hour}:{minute}:{second}")),
    ]
    .boxed()
}

fn zone(installed: &[String]) -> Text {
    prop_oneof![
        12 => Just(String::new()),
        3 => prop::sample::select(&ODD_ZONES[..]).prop_map(|zone| format!(" {zone}")),
        1 => prop::sample::select(installed.to_vec()).prop_map(|zone| format!(" {zone}")),
        1 => any_of(&[" +02:00", " Mars/Phobos", " utc", " UtC", " europe/berlin", "  UTC", " Europe/../UTC", " Z", "UTC"]),
        1 => any_of(&[" CET", " CEST", " EST", " EDT", " cest", " BST", " IST", " GMT", " LMT", " PDT"]),
    ]
    .boxed()
}

pub fn expression(installed: &[String]) -> Text {
    let pieces = any_of(&[
        "-",
        "-",
        "0",
        "1",
        "9",
        "12",
        "2026",
        ":",
        ":",
        "/",
        "*",
        "*",
        "~",
        ",",
        ".",
        "..",
        " ",
        "Mon",
        "Sun",
        "@",
        "UTC",
        "daily",
        "99999999999999999999",
        "\u{e9}",
        "\t",
        "+",
    ]);
    let body = (weekdays(), date(), time()).prop_map(|(weekdays, date, time)| {
        let gap = if date.is_empty() || time.is_empty() { "" } else { " " };
        format!("{weekdays}{date}{gap}{time}").trim_end().to_owned()
    });
    let shorthand = "(hourly|Daily|WEEKLY|monthly|quarterly|semiannually|semi-annually|bi-annually|biannually|yearly|annually|minutely|anually)";
    prop_oneof![
        16 => (body, zone(installed)).prop_map(|(body, zone)| format!("{body}{zone}")),
        1 => (shorthand, zone(installed)).prop_map(|(word, zone)| format!("{word}{zone}")),
        1 => ("@[0-9]{1,12}(\\.[0-9]{1,7})?", zone(installed)).prop_map(|(epoch, zone)| format!("{epoch}{zone}")),
        2 => prop::collection::vec(pieces, 1..12).prop_map(|pieces| pieces.concat()),
    ]
    .boxed()
}
