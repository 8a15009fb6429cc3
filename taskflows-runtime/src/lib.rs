#![doc = include_str!("../README.md")]

pub mod process;
mod task;

pub use task::{
    CurrentTask, ErrorView, Task, TaskError, TaskFailure, block_on, current_task, current_task_id,
    flush_observers, new_run_id, run_task,
};
