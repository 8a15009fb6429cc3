use std::sync::atomic::AtomicUsize;

use taskflows_core::Service;
use taskflows_core::effects::{Action, ServiceError, State, Target, Wanted};
use taskflows_core::testing::FakeServiceManager;

use super::*;

fn host_of(services: &Arc<FakeServiceManager>) -> Host {
    Host { services: Arc::clone(services) as _, feed: Arc::clone(services) as _, ..crate::testing::host() }
}

async fn with_services(count: usize) -> (Arc<FakeServiceManager>, Arc<Snapshot>) {
    let services = Arc::new(FakeServiceManager::default());
    let build = |n: usize| Service::builder(format!("s-{n:03}")).start_command("sleep 9").build().unwrap();
    let all: Vec<Service> = (0..count).map(build).collect();
    services.install(Wanted::services(&all)).await.unwrap();
    let snapshot = Arc::new(Snapshot::new(&host_of(&services)));
    snapshot.feed(true);
    (services, snapshot)
}

/// What the fake fails next is failed by the next call, so that it is seen whether there is one.
fn fail_next(services: &FakeServiceManager) {
    services.fail_next(ServiceError::NotFound { name: "asked".to_owned() });
}

#[tokio::test]
async fn the_manager_is_not_asked_again_before_something_changes() {
    let (services, snapshot) = with_services(3).await;
    assert_eq!(snapshot.listings(&[]).await.unwrap().len(), 3);
    fail_next(&services);
    for _ in 0..100 {
        assert_eq!(snapshot.listings(&["s-001".parse().unwrap()]).await.unwrap().len(), 1);
    }
    snapshot.changed();
    assert_eq!(snapshot.listings(&[]).await.unwrap_err().status, 404, "now it is asked");
    assert!(snapshot.listings(&[]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_picture_grows_old_sooner_where_nobody_tells_of_changes() {
    let (services, snapshot) = with_services(1).await;
    let is_asked = async |after: Duration| {
        let before = snapshot.picture().await.unwrap();
        tokio::time::sleep(after).await;
        !Arc::ptr_eq(&before, &snapshot.picture().await.unwrap())
    };
    assert!(!is_asked(OLDEST - TICK).await);
    assert!(is_asked(OLDEST).await);
    snapshot.feed(false);
    assert!(is_asked(OLDEST_UNFED).await);
    snapshot.feed(true);
    snapshot.changed();
    assert!(is_asked(OLDEST_UNSETTLED).await, "the journal may know more by now");
    tokio::time::sleep(OLDEST).await;
    assert!(!is_asked(OLDEST_UNSETTLED).await);
    drop(services);
}

#[tokio::test]
async fn all_who_wait_are_told_what_went_wrong_once() {
    let (services, snapshot) = with_services(1).await;
    fail_next(&services);
    // The first one fails while the others wait for it; were each to ask, they would find the services.
    let held = snapshot.taking.lock().await;
    let asks = (0..50).map(|_| snapshot.picture());
    let all = tokio::spawn({
        let snapshot = Arc::clone(&snapshot);
        async move { futures_util::future::join_all((0..50).map(|_| snapshot.picture())).await }
    });
    tokio::task::yield_now().await;
    drop((held, asks));
    let failed = all.await.unwrap().into_iter().filter(Result::is_err).count();
    assert_eq!(failed, 50);
    assert!(snapshot.picture().await.is_ok());
}

#[tokio::test]
async fn what_is_written_is_kept_with_the_picture() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    fn render(listings: &[Listing], _: Timestamp) -> Result<Vec<u8>, Problem> {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
        Ok(listings.iter().flat_map(|one| one.state.as_str().bytes()).collect())
    }
    let (services, snapshot) = with_services(1).await;
    for _ in 0..10 {
        assert_eq!(&snapshot.rendered(render).await.unwrap().bytes[..], b"stopped");
    }
    assert_eq!(WRITTEN.load(Ordering::Relaxed), 1);
    services.perform(&["s-000".parse().unwrap()], Action::Start, Target::Service).await.unwrap();
    snapshot.changed();
    assert_eq!(&snapshot.rendered(render).await.unwrap().bytes[..], b"running");
    assert_eq!(WRITTEN.load(Ordering::Relaxed), 2);
}

/// Many ask while services change: nobody is given a state from before a change that was told when they asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_given_what_is_older_than_what_was_told() {
    let (services, snapshot) = with_services(1).await;
    let name: ServiceName = "s-000".parse().unwrap();
    // So often has it been started or stopped: it runs where that is odd.
    let told = Arc::new(AtomicUsize::new(0));
    let ask = |_| {
        let (snapshot, told) = (Arc::clone(&snapshot), Arc::clone(&told));
        tokio::spawn(async move {
            let mut right = 0;
            while told.load(Ordering::SeqCst) < 400 {
                let before = told.load(Ordering::SeqCst);
                let runs = snapshot.listings(&[]).await.unwrap()[0].state == State::Running;
                let after = told.load(Ordering::SeqCst);
                // Where nothing was told meanwhile, and nothing is under way, it is known what is right.
                if before == after && before % 4 == 3 {
                    assert!(runs, "after {before} changes");
                    right += 1;
                }
            }
            right
        })
    };
    let asking: Vec<_> = (0..8).map(ask).collect();
    for number in 0..100 {
        let action = Action::Start;
        services.perform(std::slice::from_ref(&name), action, Target::Service).await.unwrap();
        snapshot.changed();
        told.store(number * 4 + 3, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        told.store(number * 4 + 4, Ordering::SeqCst);
        services.perform(std::slice::from_ref(&name), Action::Stop, Target::Service).await.unwrap();
        snapshot.changed();
    }
    let mut right = 0;
    for ask in asking {
        right += ask.await.unwrap();
    }
    assert!(right > 100, "{right}");
}
