//! Definitions over a server on loopback.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use taskflows_api::client::{Client, ClientError, Credentials, RemoteDefiner, apply};
use taskflows_api::ports::{DefineError, Definer};
use taskflows_api::server::{Api, Problem};
use taskflows_api::testing::{Everybody, host_over, serve};
use taskflows_api::wire::{Applied, Fault, Order, Scope};
use taskflows_core::effects::{
    Action, Depth, Details, Listing, Origin, Performed, ServiceError, ServiceManager, Start, Target, Wanted,
};
use taskflows_core::testing::{FakeServiceManager, contract};
use taskflows_core::{Change, NamePattern, Plan, Service, ServiceName, UnitFiles, write_document};
use taskflows_security::Role;

async fn server(role: Role) -> (Arc<FakeServiceManager>, Client) {
    let services = Arc::new(FakeServiceManager::default());
    let api = Api::new(host_over(Arc::clone(&services)), Arc::new(Everybody(role)));
    let base = format!("http://{}", serve(api).await.unwrap());
    (services, Client::new("web1", &base, Credentials::None).unwrap())
}

/// Changes services by way of a server, and asks the fake behind it for all else.
struct Sent {
    services: Arc<FakeServiceManager>,
    client: Client,
}

#[async_trait]
impl ServiceManager for Sent {
    async fn plan(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        apply::plan(&self.client, wanted).await
    }

    async fn install(&self, wanted: Wanted<'_>) -> Result<Plan, ServiceError> {
        apply::install(&self.client, wanted).await
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Plan, ServiceError> {
        apply::remove(&self.client, names).await
    }

    async fn perform(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        self.services.perform(names, action, target).await
    }

    async fn names(&self, patterns: &[NamePattern]) -> Result<Vec<ServiceName>, ServiceError> {
        self.services.names(patterns).await
    }

    async fn origins(&self, patterns: &[NamePattern]) -> Result<Vec<Origin>, ServiceError> {
        self.services.origins(patterns).await
    }

    async fn list(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, ServiceError> {
        self.services.list(patterns).await
    }

    async fn upcoming(&self, patterns: &[NamePattern], count: usize) -> Result<Vec<Start>, ServiceError> {
        self.services.upcoming(patterns, count).await
    }

    async fn details(&self, patterns: &[NamePattern], depth: Depth) -> Result<Vec<Details>, ServiceError> {
        self.services.details(patterns, depth).await
    }

    async fn files(&self, name: &ServiceName) -> Result<UnitFiles, ServiceError> {
        self.services.files(name).await
    }

    async fn drop_ins(&self, name: &ServiceName) -> Result<BTreeMap<String, String>, ServiceError> {
        self.services.drop_ins(name).await
    }
}

#[tokio::test]
async fn what_is_sent_keeps_to_the_contract_of_a_service_manager() {
    let (services, client) = server(Role::Admin).await;
    contract::service_manager(&Sent { services, client }).await;
}

fn order(definition: Value) -> Order {
    Order { definition, ..Order::default() }
}

fn web() -> Value {
    json!({ "services": [{ "name": "web", "start_command": ["sleep", "1"] }] })
}

/// Sends an order that is refused as it should be, and returns why.
async fn refused(client: &Client, order: &Order) -> (Problem, DefineError) {
    let sent: Result<Applied, ClientError> = client.send(http::Method::POST, "/api/apply", Some(order)).await;
    let Err(ClientError::Refused { problem, .. }) = sent else { panic!("{sent:?}") };
    (problem, RemoteDefiner(client.clone()).apply(order).await.unwrap_err())
}

/// Fails in a way of which only the log of the host may tell.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Definer for Broken {
    async fn plan(&self, order: &Order) -> Result<Applied, DefineError> {
        self.apply(order).await
    }

    async fn apply(&self, _: &Order) -> Result<Applied, DefineError> {
        Err(DefineError::Failed { reason: "could not write `/home/ann/alerts.json`: disk full".to_owned() })
    }

    async fn remove(&self, _: &[ServiceName]) -> Result<Applied, DefineError> {
        self.apply(&Order::default()).await
    }
}

#[tokio::test]
async fn what_failed_on_the_host_is_for_its_log_alone() {
    let host = taskflows_api::Host { definer: Arc::new(Broken), ..taskflows_api::testing::host() };
    let base = format!("http://{}", serve(Api::new(host, Arc::new(Everybody(Role::Admin)))).await.unwrap());
    let client = Client::new("web1", &base, Credentials::None).unwrap();
    let (problem, error) = refused(&client, &order(web())).await;
    assert_eq!((problem.status, problem.code.as_deref()), (500, Some("failed")));
    // The client adds which id that is.
    let id = problem.detail.as_deref().unwrap().rsplit(' ').next().unwrap();
    assert!(id.parse::<uuid::Uuid>().is_ok(), "{problem:?}");
    let said = format!("{problem:?} {error:?}");
    assert!(!said.contains("ann") && !said.contains("disk"), "{said}");
}

#[tokio::test]
async fn a_wrong_definition_is_told_with_its_places_and_changes_nothing() {
    let (services, client) = server(Role::Admin).await;
    let service = |rest: Value| {
        let mut one = json!({ "name": "web", "start_command": ["sleep", "1"] });
        one.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({ "services": [{ "name": "good", "start_command": ["x"] }, one] })
    };
    let mut deep = json!([]);
    (0..40).for_each(|_| deep = json!([deep]));
    for (definition, told) in [
        (service(json!({ "start_comand": "x" })), "unknown key `start_comand`"),
        (service(json!({ "working_directory": "here" })), "is not an absolute path"),
        (json!({ "include": "other.toml", "services": [] }), "includes no file"),
        (json!({ "services": deep }), "more than 32 deep"),
        (json!({ "services": [{ "name": "../x", "start_command": "x" }] }), "is not a service name"),
        (Value::Null, "expected"),
        (json!([]), "stand in a list called `services`"),
    ] {
        let (problem, error) = refused(&client, &order(definition)).await;
        assert_eq!((problem.status, problem.code.as_deref()), (422, Some("definition")), "{problem:?}");
        let Fault { report, flaws } = *problem.fault.unwrap();
        assert!(flaws[0].message.contains(told), "{report}");
        assert!(flaws[0].line >= 1 && flaws[0].column >= 1 && flaws[0].file == "definition", "{flaws:?}");
        assert_eq!(error.to_string(), report);
    }
    let (problem, _) = refused(&client, &order(service(json!({ "start_comand": "x" })))).await;
    let Fault { report, flaws } = *problem.fault.unwrap();
    assert_eq!(flaws[0].hint.as_deref(), Some("did you mean `start_command`?"));
    assert!(report.contains("\"start_comand\": \"x\""), "{report}");
    assert!(services.names(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_variable_of_the_server_reaches_a_definition() {
    let (services, client) = server(Role::Admin).await;
    let definition = json!({ "services": [{ "name": "web", "start_command": ["echo", "${env:PATH}"] }] });
    RemoteDefiner(client).apply(&order(definition)).await.unwrap();
    let files = services.files(&"web".parse().unwrap()).await.unwrap().files;
    let text = files.values().next().unwrap();
    assert!(text.contains("env:PATH") && !text.contains("/usr/bin"), "{text}");
}

#[tokio::test]
async fn what_the_host_refuses_is_the_same_error_here() {
    let (services, client) = server(Role::Admin).await;
    services.add_foreign("web".parse().unwrap());
    let (problem, error) = refused(&client, &order(web())).await;
    assert_eq!((problem.status, problem.code.as_deref()), (409, Some("not-ours")));
    assert!(matches!(error, DefineError::Services(ServiceError::NotOurs { .. })), "{error:?}");
    let nobody: ServiceName = "nobody".parse().unwrap();
    let error = RemoteDefiner(client.clone()).remove(&[nobody]).await.unwrap_err();
    assert!(matches!(error, DefineError::Services(ServiceError::NotFound { name }) if name == "nobody"));
    let names = json!({ "names": ["../x"] });
    let sent = client.send::<_, Applied>(http::Method::POST, "/api/remove", Some(&names)).await;
    assert_eq!(sent.unwrap_err().status(), Some(422));
}

#[tokio::test]
async fn a_change_by_hand_is_kept_unless_the_order_says_otherwise() {
    let (services, client) = server(Role::Admin).await;
    let definer = RemoteDefiner(client.clone());
    definer.apply(&order(web())).await.unwrap();
    services.edit(&"web".parse().unwrap());
    let (problem, error) = refused(&client, &order(web())).await;
    assert_eq!((problem.status, problem.code.as_deref()), (409, Some("edited")));
    let DefineError::Services(ServiceError::Edited { files }) = error else { panic!("{error:?}") };
    assert_eq!(files, ["taskflows-web.service"]);
    let plan = Plan::try_from(definer.plan(&order(web())).await.unwrap().plan).unwrap();
    assert_eq!(plan.edited(), ["taskflows-web.service"]);
    let edits = taskflows_api::wire::WireEdits::Overwrite;
    definer.apply(&Order { edits, ..order(web()) }).await.unwrap();
    assert!(
        definer.plan(&order(web())).await.map(|told| Plan::try_from(told.plan).unwrap().is_empty()).unwrap()
    );
}

#[tokio::test]
async fn what_is_gone_from_its_file_goes_where_that_is_asked_for() {
    let (services, client) = server(Role::Admin).await;
    let source = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), "pc:/jobs.toml".to_owned())).collect::<BTreeMap<_, _>>()
    };
    let two = json!({ "services": [
        { "name": "web", "start_command": "x" }, { "name": "old", "start_command": "x" }
    ] });
    let definer = RemoteDefiner(client);
    definer.apply(&Order { sources: source(&["web", "old"]), ..order(two) }).await.unwrap();
    let scope = Scope { files: vec!["pc:/jobs.toml".to_owned()], ..Scope::default() };
    let order = Order {
        sources: source(&["web"]),
        scope,
        prune: true,
        ..order(json!({ "services": [
        { "name": "web", "start_command": "x" }
    ] }))
    };
    let plan = Plan::try_from(definer.plan(&order).await.unwrap().plan).unwrap();
    assert!(matches!(plan.steps[1].change, Change::Remove(_)) && plan.steps[1].name.as_str() == "old");
    definer.apply(&order).await.unwrap();
    assert_eq!(services.names(&[]).await.unwrap(), ["web".parse().unwrap()]);
}

#[tokio::test]
async fn only_an_admin_defines() {
    for role in [Role::Viewer, Role::Operator] {
        let (_, client) = server(role).await;
        for target in ["/api/plan", "/api/apply", "/api/remove"] {
            let sent = client.send::<_, Applied>(http::Method::POST, target, Some(&order(web()))).await;
            assert_eq!(sent.unwrap_err().status(), Some(403), "{role:?} {target}");
        }
    }
}

#[tokio::test]
async fn five_thousand_services_are_one_order_and_more_than_the_limit_is_none() {
    let (services, client) = server(Role::Admin).await;
    let many: Vec<Service> = (0..5_000)
        .map(|number| {
            let calendar = "Mon..Fri 09:00 Europe/Berlin".parse::<taskflows_core::Calendar>().unwrap();
            Service::builder(format!("job-{number}"))
                .start_command("/usr/local/bin/job --all")
                .start_schedule(calendar)
                .build()
                .unwrap()
        })
        .collect();
    let document = write_document(&many, &BTreeMap::new());
    assert!(document.to_string().len() < 4 << 20);
    RemoteDefiner(client.clone()).apply(&order(document)).await.unwrap();
    assert_eq!(services.names(&[]).await.unwrap().len(), 5_000);
    let padded = json!({ "services": [], "$schema": "x".repeat(4 << 20) });
    let (problem, _) = refused(&client, &order(padded)).await;
    assert_eq!(problem.status, 413);
}
