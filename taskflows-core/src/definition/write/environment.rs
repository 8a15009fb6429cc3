use serde_json::Value;

use super::container::container;
use super::table::Table;
use crate::service::{CondaEnvironment, Environment, EnvironmentChoice, PythonVenv, UvProject};

/// Writes the name of one that the host keeps, and any other as it stands.
pub(super) fn choice(choice: &EnvironmentChoice) -> Option<Value> {
    let EnvironmentChoice { name, environment: own } = choice;
    match name {
        Some(name) => Some(name.as_str().into()),
        None => own.as_ref().map(environment),
    }
}

fn environment(environment: &Environment) -> Value {
    let mut table = Table::default();
    match environment {
        Environment::Container(own) => return container(own),
        Environment::Conda(CondaEnvironment { env_name, custom_path }) => {
            table.put("type", "Conda");
            table.text("env_name", Some(env_name));
            table.text("custom_path", custom_path.as_ref());
        }
        Environment::Venv(PythonVenv { path }) => {
            table.put("type", "Venv");
            table.text("path", Some(path));
        }
        Environment::Uv(UvProject { project }) => {
            table.put("type", "Uv");
            table.text("project", Some(project));
        }
    }
    table.into()
}
