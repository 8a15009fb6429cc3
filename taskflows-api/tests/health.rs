//! The first question to a server, which needs no credential.

use std::sync::Arc;

use taskflows_api::client::{Client, Credentials};
use taskflows_api::server::Api;
use taskflows_api::testing::{Everybody, host, serve};
use taskflows_api::wire::Health;
use taskflows_security::Role;

#[tokio::test]
async fn a_server_says_that_it_is_there_and_its_id() {
    let address = serve(Api::new(host(), Arc::new(Everybody(Role::Viewer)))).await.unwrap();
    let client = Client::new("web1", &format!("http://{address}"), Credentials::None).unwrap();
    let health: Health = client.get("/health").await.unwrap();
    assert_eq!((health.status.as_str(), health.server_id), ("ok", host().server_id));
}
