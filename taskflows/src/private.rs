//! What `#[task]` writes calls of. It is no part of what this crate promises.

pub use std::convert::Infallible;
pub use std::default::Default;
pub use std::option::Option::{self, None, Some};
pub use std::result::Result;
pub use std::sync::LazyLock;
pub use std::time::Duration;

pub use taskflows_core::task::Backoff;

use crate::{Task, TaskAlerts};

#[expect(non_camel_case_types, reason = "the name that errors about a number show")]
pub type u32 = core::primitive::u32;

/// The parts of a `Result`, whatever alias it is written by.
#[diagnostic::on_unimplemented(
    message = "a task reads a type that is named `Result` as one, and `{Self}` is not"
)]
pub trait TaskResult {
    type Value;
    type Error;
}

impl<T, E> TaskResult for Result<T, E> {
    type Value = T;
    type Error = E;
}

/// Cannot be told for a `Result`, for which both impls fit.
#[diagnostic::on_unimplemented(message = "name the type `Result` so that the errors of the task are seen")]
pub trait NameTheTypeResultSoThatErrorsAreSeen<Which> {
    const IS_NAMED: bool = true;
}

pub struct IsResult;

impl<T: ?Sized> NameTheTypeResultSoThatErrorsAreSeen<()> for T {}
impl<T: TaskResult> NameTheTypeResultSoThatErrorsAreSeen<IsResult> for T {}

#[diagnostic::on_unimplemented(
    message = "with `retries`, each attempt has a copy of the arguments, and `{Self}` cannot be copied",
    label = "this is not `Clone`",
    note = "share it (`Arc<T>`), or make it within the task"
)]
pub trait CopiedForEachAttempt {
    fn copied(&self) -> Self;
}

impl<T: Clone> CopiedForEachAttempt for T {
    fn copied(&self) -> Self {
        self.clone()
    }
}

pub fn copied<T: CopiedForEachAttempt>(argument: &T) -> T {
    argument.copied()
}

/// Gives an expression a type, at the place where it stands.
pub const fn the<T>(value: T) -> T {
    value
}

/// A body for the one attempt that a task without retries makes.
pub fn once<R>(body: impl FnOnce() -> R) -> impl FnMut() -> R {
    let mut body = Some(body);
    move || match body.take() {
        Some(body) => body(),
        None => unreachable!("a task without retries makes one attempt"),
    }
}

pub fn alerted(task: Task, alerts: impl TaskAlerts) -> Task {
    alerts.into_observers().into_iter().fold(task, Task::observed_by)
}

/// Chooses how an error is read by what its type can do: the first trait that fits is the one whose receiver has the
/// most references left.
pub mod view {
    use std::error::Error;
    use std::fmt::{Debug, Display};
    use std::marker::PhantomData;

    use crate::ErrorView;

    pub struct Reading<E>(PhantomData<E>);

    impl<E> Reading<E> {
        pub const NEW: Self = Self(PhantomData);
    }

    pub trait ViewError<E> {
        fn view(&self) -> ErrorView<E>;
    }

    impl<E: Error + 'static> ViewError<E> for &&&&Reading<E> {
        fn view(&self) -> ErrorView<E> {
            ErrorView::of_error()
        }
    }

    pub trait ViewShared<E> {
        fn view(&self) -> ErrorView<E>;
    }

    impl<E: AsRef<dyn Error + Send + Sync + 'static>> ViewShared<E> for &&&Reading<E> {
        fn view(&self) -> ErrorView<E> {
            ErrorView::of_shared()
        }
    }

    pub trait ViewBoxed<E> {
        fn view(&self) -> ErrorView<E>;
    }

    impl<E: AsRef<dyn Error + 'static>> ViewBoxed<E> for &&Reading<E> {
        fn view(&self) -> ErrorView<E> {
            ErrorView::of_boxed()
        }
    }

    pub trait ViewText<E> {
        fn view(&self) -> ErrorView<E>;
    }

    impl<E: Display> ViewText<E> for &Reading<E> {
        fn view(&self) -> ErrorView<E> {
            ErrorView::of_text()
        }
    }

    pub trait ViewDebug<E> {
        fn view(&self) -> ErrorView<E>;
    }

    impl<E: Debug> ViewDebug<E> for Reading<E> {
        fn view(&self) -> ErrorView<E> {
            ErrorView::of_debug()
        }
    }
}
