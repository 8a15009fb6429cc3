use serde::{Deserialize, Serialize};
use taskflows_core::{Change, Consequence, FileChange, Plan, Step};
use utoipa::ToSchema;

use super::Misfit;

/// What would change on a host, or was changed: unit files with their whole texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Plan)]
pub struct WirePlan {
    /// One step for each service: first those that are defined, then those that go.
    pub steps: Vec<WireStep>,
    /// Why systemd was not asked, where it was not: what runs is then missing from the effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unasked: Option<String>,
    /// What outlived a service that is gone: the command that takes it away, and why it could not be.
    #[serde(default)]
    pub left_behind: Vec<String>,
}

/// What becomes of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanStep)]
pub struct WireStep {
    /// The service.
    pub name: String,
    /// What changes.
    pub change: WireChange,
    /// The files that change.
    pub files: Vec<WireFileChange>,
    /// What it means for people.
    #[schema(value_type = Vec<Effect>)]
    pub effects: Vec<Consequence>,
}

/// What changes for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PlanChange)]
pub enum WireChange {
    /// It is new.
    Create,
    /// Some of its files differ.
    Update,
    /// It goes.
    Remove,
    /// Nothing.
    Unchanged,
}

/// One unit file before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FileChange)]
pub struct WireFileChange {
    /// Its name.
    pub file: String,
    /// Its text now; none where there is no such file.
    #[serde(default)]
    pub before: Option<String>,
    /// Its text then; none where it goes.
    #[serde(default)]
    pub after: Option<String>,
    /// Whether somebody changed it by hand, which would be lost.
    pub is_edited: bool,
}

/// What a change means for people. Which keys there are beside `kind` is told by it.
#[derive(Debug, ToSchema)]
pub struct Effect {
    /// `next_moves`, `run_continues`, `stops`, and so on.
    pub kind: String,
    /// What a schedule is for: `run`, `stop` or `restart`.
    pub what: Option<String>,
    /// When it happens next.
    pub at: Option<String>,
    /// When it was to happen, or the file it was defined in.
    pub from: Option<String>,
    /// When it happens now, or the file it is defined in.
    pub to: Option<String>,
    /// When it was to happen next.
    pub was: Option<String>,
    /// The name of a container.
    pub container: Option<String>,
}

impl From<Plan> for WirePlan {
    fn from(plan: Plan) -> Self {
        let Plan { steps, unasked, left_behind } = plan;
        Self { steps: steps.into_iter().map(WireStep::from).collect(), unasked, left_behind }
    }
}

impl From<Step> for WireStep {
    fn from(step: Step) -> Self {
        let Step { name, change, consequences: effects } = step;
        let (change, files) = match change {
            Change::Create(files) => (WireChange::Create, files),
            Change::Update(files) => (WireChange::Update, files),
            Change::Remove(files) => (WireChange::Remove, files),
            Change::Unchanged => (WireChange::Unchanged, Vec::new()),
        };
        let files = files.into_iter().map(WireFileChange::from).collect();
        Self { name: name.to_string(), change, files, effects }
    }
}

impl From<FileChange> for WireFileChange {
    fn from(change: FileChange) -> Self {
        let FileChange { file, before, after, is_edited } = change;
        Self { file, before, after, is_edited }
    }
}

impl TryFrom<WirePlan> for Plan {
    type Error = Misfit;

    fn try_from(plan: WirePlan) -> Result<Self, Misfit> {
        let WirePlan { steps, unasked, left_behind } = plan;
        let steps = steps.into_iter().map(Step::try_from).collect::<Result<_, _>>()?;
        Ok(Self { steps, unasked, left_behind })
    }
}

impl TryFrom<WireStep> for Step {
    type Error = Misfit;

    fn try_from(step: WireStep) -> Result<Self, Misfit> {
        let WireStep { name, change, files, effects } = step;
        let files: Vec<FileChange> = files.into_iter().map(FileChange::from).collect();
        let change = match change {
            WireChange::Create => Change::Create(files),
            WireChange::Update => Change::Update(files),
            WireChange::Remove => Change::Remove(files),
            WireChange::Unchanged => Change::Unchanged,
        };
        let name = name.parse().map_err(|error| Misfit::new("name", error))?;
        Ok(Self { name, change, consequences: effects })
    }
}

impl From<WireFileChange> for FileChange {
    fn from(change: WireFileChange) -> Self {
        let WireFileChange { file, before, after, is_edited } = change;
        Self { file, before, after, is_edited }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;
    use taskflows_core::Occasion;

    use super::*;

    fn at() -> impl Strategy<Value = Timestamp> {
        (0..4_000_000_000_000_000i64).prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
    }

    fn effect() -> impl Strategy<Value = Consequence> {
        let what = prop_oneof![Just(Occasion::Run), Just(Occasion::Stop), Just(Occasion::Restart)];
        let timed = (what, at(), at(), any::<u8>()).prop_map(|(what, from, to, kind)| match kind % 6 {
            0 => Consequence::First { what, at: from },
            1 => Consequence::NextMoves { what, from, to },
            2 => Consequence::NextStays { what, at: to },
            3 => Consequence::NowScheduled { what, at: to },
            4 => Consequence::NoLongerScheduled { what, was: Some(from).filter(|_| kind > 99) },
            _ => Consequence::ScheduleChanges { what },
        });
        prop_oneof![
            timed,
            Just(Consequence::StartsAtOnce),
            Just(Consequence::WaitsForStart),
            Just(Consequence::StartsAtBoot),
            Just(Consequence::StartsAtBootNoLonger),
            Just(Consequence::StaysDisabled),
            Just(Consequence::TimersStayStopped),
            Just(Consequence::Stops),
            Just(Consequence::RestartNeeded),
            Just(Consequence::RunContinues),
            Just(Consequence::AppliesAtOnce),
            ".*".prop_map(|container| Consequence::ContainerGoes { container }),
            (of(".*"), of(".*")).prop_map(|(from, to)| Consequence::ComesFrom { from, to }),
        ]
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let file = (".*", of(".*"), of(".*"), any::<bool>())
            .prop_map(|(file, before, after, is_edited)| FileChange { file, before, after, is_edited });
        let change = (vec(file, 0..3), 0..4).prop_map(|(files, kind)| match kind {
            0 => Change::Create(files),
            1 => Change::Update(files),
            2 => Change::Remove(files),
            _ => Change::Unchanged,
        });
        let step = ("[a-z]{1,9}", change, vec(effect(), 0..4)).prop_map(|(name, change, consequences)| {
            Step { name: name.parse().unwrap_or_else(|_| "a".parse().unwrap()), change, consequences }
        });
        (vec(step, 0..4), of(".*"), vec(".*", 0..2)).prop_map(|(steps, unasked, left_behind)| Plan {
            steps,
            unasked,
            left_behind,
        })
    }

    proptest! {
        #[test]
        fn a_plan_arrives_as_it_was(plan in plan()) {
            let text = serde_json::to_string(&WirePlan::from(plan.clone())).unwrap();
            let read: WirePlan = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Plan::try_from(read).unwrap(), plan);
        }
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let step =
            WireStep { name: "../x".into(), change: WireChange::Unchanged, files: vec![], effects: vec![] };
        let error = Plan::try_from(WirePlan { steps: vec![step], ..WirePlan::default() }).unwrap_err();
        assert!(error.to_string().contains("is not a service name"), "{error}");
    }
}
