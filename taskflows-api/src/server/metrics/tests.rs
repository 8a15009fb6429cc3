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
    Shared::new(host, Arc::new(RoleTokens), Arc::new(LogAudit), Limits::default())
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
