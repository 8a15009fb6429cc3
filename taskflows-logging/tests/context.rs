//! A request's context goes where the work goes, and nowhere else.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

use std::time::Duration;

use taskflows_logging::{
    RequestContext, clear_request_context, current_request_context, fields, in_request_context,
    set_request_context, with_request_context,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};

fn request(id: &str) -> RequestContext {
    RequestContext { request_id: Some(id.to_owned()), ..RequestContext::default() }
}

fn current_id() -> Option<String> {
    current_request_context().request_id
}

fn check(expected: &str) {
    assert_eq!(current_id().as_deref(), Some(expected));
}

fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

/// Many tasks that are moved between threads, each of which must see its own id all the time.
fn no_task_sees_another<F: Future<Output = ()> + Send + 'static>(task: impl Fn(String) -> F) {
    threads().block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..200 {
            tasks.spawn(task(format!("r-{number}")));
            // One without a context between them.
            tasks.spawn(async {
                for _ in 0..20 {
                    assert_eq!(current_id(), None);
                    yield_now().await;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

async fn look_often(id: String) {
    for round in 0..20 {
        check(&id);
        if round % 5 == 0 {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        yield_now().await;
    }
}

#[test]
fn tasks_within_scopes_do_not_see_each_other() {
    no_task_sees_another(|id| with_request_context(request(&id), look_often(id)));
}

#[test]
fn tasks_outside_of_scopes_do_not_see_each_other() {
    no_task_sees_another(|id| async move {
        set_request_context(request(&id));
        look_often(id).await;
        clear_request_context();
        assert_eq!(current_id(), None);
    });
}

#[test]
fn a_task_that_never_clears_leaves_nothing_to_the_next() {
    threads().block_on(async {
        for _ in 0..100 {
            tokio::spawn(async {
                assert_eq!(current_id(), None);
                set_request_context(request("left behind"));
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn what_is_set_within_a_scope_ends_with_it() {
    in_request_context(request("outer"), || {
        set_request_context(RequestContext { fields: fields! { user_id: 7 }, ..RequestContext::default() });
        check("outer");
        in_request_context(request("inner"), || {
            check("inner");
            assert_eq!(current_request_context().fields, fields! { user_id: 7 });
            set_request_context(RequestContext {
                request_id: Some("newer".into()),
                trace_id: Some("t".into()),
                fields: fields! { user_id: 8, more: true },
            });
            check("newer");
            assert_eq!(current_request_context().fields, fields! { user_id: 8, more: true });
            clear_request_context();
            assert_eq!(current_request_context(), RequestContext::default());
        });
        check("outer");
        assert_eq!(current_request_context().fields, fields! { user_id: 7 });
    });
    assert_eq!(current_request_context(), RequestContext::default());
}

#[test]
fn a_context_is_carried_to_tasks_and_threads() {
    threads().block_on(with_request_context(request("r"), async {
        let alone = tokio::spawn(async { current_id() }).await.unwrap();
        assert_eq!(alone, None);
        tokio::spawn(current_request_context().scope(look_often("r".into()))).await.unwrap();
        let carried = current_request_context();
        let on_thread = tokio::task::spawn_blocking(|| carried.in_scope(current_id)).await.unwrap();
        assert_eq!(on_thread.as_deref(), Some("r"));
        check("r");
    }));
}

#[test]
fn a_plain_thread_keeps_what_was_set_until_it_is_cleared() {
    set_request_context(request("mine"));
    std::thread::spawn(|| assert_eq!(current_id(), None)).join().unwrap();
    Builder::new_current_thread().build().unwrap().block_on(async { check("mine") });
    clear_request_context();
    assert_eq!(current_id(), None);
}
