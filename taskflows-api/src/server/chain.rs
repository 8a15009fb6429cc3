use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;

use super::{Authority, Identity, Refusal, is_signed};

/// The cookie of who logged in with a browser.
const ACCESS_COOKIE: &str = "tf_access";

/// Asks the one authority that knows the kind of credentials that are there: a signature, a bearer token, a cookie, or
/// none. Where there are several, the first of these counts alone, so that one that is not right is never made good by another.
#[derive(Clone, Debug, Default)]
pub struct AuthorityChain {
    /// Knows signed requests.
    pub signed: Option<Arc<dyn Authority>>,
    /// Knows `Authorization: Bearer`.
    pub bearer: Option<Arc<dyn Authority>>,
    /// Knows the cookie of who logged in.
    pub cookie: Option<Arc<dyn Authority>>,
    /// Knows who may ask without any, on a host whose owner switched signing off.
    pub unsigned: Option<Arc<dyn Authority>>,
}

impl AuthorityChain {
    fn of(&self, request: &Parts) -> (Option<&Arc<dyn Authority>>, &'static str) {
        let headers = &request.headers;
        if is_signed(headers) {
            return (self.signed.as_ref(), "signed requests are not set up");
        }
        if headers.contains_key(AUTHORIZATION) {
            return (self.bearer.as_ref(), "tokens are not set up");
        }
        if headers.get_all(COOKIE).iter().any(|value| holds_access(value.as_bytes())) {
            return (self.cookie.as_ref(), "logins are not set up");
        }
        (self.unsigned.as_ref(), "no credentials")
    }
}

fn holds_access(cookies: &[u8]) -> bool {
    let mut cookies = cookies.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    cookies.any(|cookie| {
        let cookie = cookie.strip_prefix(b"__Host-").unwrap_or(cookie);
        cookie.strip_prefix(ACCESS_COOKIE.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    })
}

#[async_trait]
impl Authority for AuthorityChain {
    async fn identify(
        &self,
        peer: Option<IpAddr>,
        request: &Parts,
        body: &[u8],
    ) -> Result<Identity, Refusal> {
        match self.of(request) {
            (Some(authority), _) => authority.identify(peer, request, body).await,
            (None, reason) => Err(Refusal(reason.to_owned())),
        }
    }

    async fn recheck(&self, peer: Option<IpAddr>, request: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
        match self.of(request) {
            (Some(authority), _) => authority.recheck(peer, request, body).await,
            (None, reason) => Err(Refusal(reason.to_owned())),
        }
    }

    async fn confirm_change(&self, identity: &Identity, request: &Parts) -> Result<(), Refusal> {
        match &self.cookie {
            Some(authority) => authority.confirm_change(identity, request).await,
            None => Err(Refusal("logins are not set up".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Everybody;
    use taskflows_security::Role;

    async fn role(headers: &[(&str, &str)]) -> Option<Role> {
        let chain = AuthorityChain {
            signed: Some(Arc::new(Everybody(Role::Admin))),
            bearer: Some(Arc::new(Everybody(Role::Operator))),
            cookie: Some(Arc::new(Everybody(Role::Viewer))),
            unsigned: None,
        };
        let mut request = axum::http::Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        chain.identify(None, &parts, b"").await.ok().map(|identity| identity.role)
    }

    #[tokio::test]
    async fn the_kind_of_credentials_says_who_is_asked() {
        assert_eq!(role(&[]).await, None);
        assert_eq!(role(&[("x-nonce", "1"), ("authorization", "Bearer x")]).await, Some(Role::Admin));
        assert_eq!(role(&[("authorization", "Basic x")]).await, Some(Role::Operator));
        assert_eq!(role(&[("cookie", "a=b; tf_access=x")]).await, Some(Role::Viewer));
        assert_eq!(role(&[("cookie", "__Host-tf_access=x")]).await, Some(Role::Viewer));
        assert_eq!(role(&[("cookie", "tf_accessory=x; tf_refresh=y")]).await, None);
    }
}
