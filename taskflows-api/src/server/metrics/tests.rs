use std::sync::Arc;

use taskflows_core::Service;
use taskflows_core::effects::{ServiceManager, Wanted};
use taskflows_core::testing::FakeServiceManager;

use super::*;
use crate::Host;
use crate::server::{Limits, LogAudit};
use crate::testing::RoleTokens;

async fn with_services(count: usize) -> Arc<Shared> {
    let services = Arc::new(FakeServiceManager::default());
    let build = |n: usize| Service::builder(format!("s-{n:04}")).start_command("true").build().unwrap();
    let all: Vec<Service> = (0..count).map(build).collect();
    services.install(Wanted::services(&all)).await.unwrap();
    let host = Host { feed: Arc::clone(&services) as _, services, ..crate::testing::host() };
    let host = Host { name: "a\"b\\c\nd".to_owned(), ..host };
    Shared::new(host, Arc::new(RoleTokens), Arc::new(LogAudit), Limits::default(), |routes| routes)
}

#[tokio::test]
async fn both_formats_name_types_as_their_readers_want_them() {
    let shared = with_services(1).await;
    let plain = shared.metrics.text(&shared, Format::Plain).await.unwrap();
    assert!(plain.contains("# TYPE process_cpu_seconds_total counter\n"), "{plain}");
    assert!(plain.contains("# TYPE taskflows_build_info gauge\n"));
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
    let open = shared.metrics.text(&shared, Format::OpenMetrics).await.unwrap();
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE process_cpu_seconds counter\n"));
    for text in [&plain, &open] {
        assert!(text.contains("hostname=\"a\\\"b\\\\c\\nd\""), "what a label holds is escaped: {text}");
        assert!(text.contains("taskflows_service_state{service_name=\"s-0000\",state=\"inactive\"} 1\n"));
        assert!(text.contains("taskflows_unit_state{service_name=\"s-0000\",state=\"stopped\"} 1\n"));
        assert!(text.contains("taskflows_unit_state{service_name=\"s-0000\",state=\"failed\"} 0\n"));
    }
}

#[tokio::test]
async fn there_are_series_for_so_many_services_and_the_rest_is_counted() {
    let shared = with_services(MOST_SERVICES + 7).await;
    let text = shared.metrics.text(&shared, Format::Plain).await.unwrap();
    assert!(text.contains("taskflows_services 507\n") && text.contains("taskflows_services_omitted 7\n"));
    assert!(text.contains("s-0499") && !text.contains("s-0500"));
}

#[tokio::test]
async fn messages_that_wait_are_counted_by_channel_and_many_channels_together() {
    let services = Arc::new(FakeServiceManager::default());
    let desk = crate::testing::MemoryDesk::over(Arc::clone(&services));
    let now = jiff::Timestamp::from_second(1_000).unwrap();
    let channel = |number: usize| crate::wire::AlertChannel {
        channel: format!("slack:c-{number:03}"),
        groups: Vec::new(),
        queued: 2,
        oldest: (number == 0).then(|| jiff::Timestamp::from_second(910).unwrap()),
        next_attempt: None,
        undelivered: 0,
        dropped: 0,
        last_success: None,
        last_error: None,
    };
    desk.state().channels = (0..103).map(channel).collect();
    let host = Host { desk: Arc::new(desk), services, now: Arc::new(move || now), ..crate::testing::host() };
    let shared =
        Shared::new(host, Arc::new(RoleTokens), Arc::new(LogAudit), Limits::default(), |routes| routes);
    let text = shared.metrics.text(&shared, Format::Plain).await.unwrap();
    assert!(text.contains("taskflows_alerts_queued{channel=\"slack:c-000\"} 2\n"), "{text}");
    assert!(text.contains("taskflows_alerts_queued{channel=\"other\"} 6\n"), "{text}");
    let age = "taskflows_alerts_oldest_queued_age_seconds{channel=\"slack:c-000\"} 90.0\n";
    assert!(text.contains(age), "{text}");
    assert!(text.contains("slack:c-099") && !text.contains("slack:c-100"));
}

mod runs {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use taskflows_core::effects::RunStore;
    use taskflows_core::task::{RunId, RunRecord, Trigger};
    use taskflows_core::testing::MemoryRunStore;
    use taskflows_core::{Outcome, RunEnd};

    use super::*;

    fn run(id: u128, started: i64, ended: Option<i64>, outcome: Outcome) -> RunRecord {
        let at = |second| Timestamp::from_second(second).unwrap();
        RunRecord {
            id: RunId::from_bits(id),
            task: "backup".to_owned(),
            service: None,
            scheduled: None,
            started: at(started),
            ended: ended.map(at),
            outcome,
            attempts: 3,
            max_attempts: 3,
            error: None,
            trigger: Trigger::Timer,
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        }
    }

    async fn counted(runs: &Runs, store: &MemoryRunStore, now: i64) -> BTreeMap<String, String> {
        runs.count(store, Timestamp::from_second(now).unwrap()).await;
        let mut registry = Registry::default();
        runs.register(&mut registry);
        let text = text::write(&registry, Format::Plain).unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    #[tokio::test]
    async fn each_run_is_counted_once_when_it_is_over() {
        let (runs, store) = (Runs::default(), MemoryRunStore::default());
        let timeout = RunEnd { result: "timeout".to_owned(), exit: None, is_preparation: false };
        let before = run(1, 10, Some(20), Outcome::Succeeded);
        store.restore(&[(before, Vec::new())]).await.unwrap();
        assert!(counted(&runs, &store, 100).await.is_empty(), "what was over before is not counted");
        let over = run(2, 90, Some(120), Outcome::Succeeded);
        let late = run(3, 95, Some(130), Outcome::Failed(timeout));
        store.restore(&[(over, Vec::new()), (late, Vec::new())]).await.unwrap();
        for now in [200, 300] {
            let counted = counted(&runs, &store, now).await;
            let ended = |status: &str| {
                counted[&format!("taskflows_task_total{{task_name=\"backup\",status=\"{status}\"}}")].clone()
            };
            assert_eq!((ended("success").as_str(), ended("timeout").as_str()), ("1", "1"));
            let sum = "taskflows_task_duration_seconds_sum{task_name=\"backup\",status=\"success\"}";
            assert_eq!(counted[sum], "30.0");
            assert_eq!(counted["taskflows_task_retries_total{task_name=\"backup\"}"], "4");
            let errors = "taskflows_task_errors_total{task_name=\"backup\",error_type=\"timeout\"}";
            assert_eq!(counted[errors], "1");
        }
    }
}
