//! Which servers a command asks, and why.

use std::str::FromStr;

use glob::Pattern;
use taskflows_core::nearest;

use super::address::Address;
use super::registry::{Server, Servers, check_group, check_name};
use crate::{CliError, Exit};

/// Every registered server.
const ALL: &str = "all";
/// This host, without its API.
const LOCAL: &str = "local";

/// One `-s` as it stands on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerChoice {
    /// This host.
    Local,
    /// A registered server.
    Name(String),
    /// The registered servers whose names match.
    Glob(String),
    /// The registered servers of a group.
    Group(String),
    /// A server by its address, registered or not.
    Address(Address),
}

impl FromStr for ServerChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == LOCAL {
            return Ok(Self::Local);
        }
        if let Some(group) = text.strip_prefix('@') {
            if group != ALL {
                check_group(group)?;
            }
            return Ok(Self::Group(group.to_owned()));
        }
        // An IPv6 address stands in brackets, which a pattern may have as well.
        if text.contains(':') {
            return text
                .parse()
                .map(Self::Address)
                .map_err(|error: super::address::ParseAddressError| error.to_string());
        }
        if text.contains(['*', '?', '[']) {
            let pattern =
                Pattern::new(text).map_err(|error| format!("`{text}` is no pattern: {}", error.msg))?;
            return Ok(Self::Glob(pattern.as_str().to_owned()));
        }
        check_name(text).map(|()| Self::Name(text.to_owned()))
    }
}

impl ServerChoice {
    /// Tells whether it can only ever be one server.
    #[must_use]
    pub fn is_one(&self) -> bool {
        matches!(self, Self::Local | Self::Name(_) | Self::Address(_))
    }
}

/// A server that is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The name by which it is shown.
    pub name: String,
    /// Where it is; `None` is this host, which is not asked through its API.
    pub server: Option<Server>,
    /// Why it is asked: `-s @web`, `registered`.
    pub why: String,
}

/// The servers a command asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Sorted by name, each once; never none.
    pub asked: Vec<Asked>,
    /// Whether the command line names exactly one server, so that its answer needs no name beside it.
    pub is_one: bool,
}

impl Selection {
    /// Tells whether this host alone is asked, and its answer needs no name.
    #[must_use]
    pub fn is_plainly_local(&self) -> bool {
        self.is_one && self.asked.iter().all(|asked| asked.server.is_none())
    }
}

/// What is known where servers are selected.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The registered servers.
    pub servers: &'a Servers,
    /// The id of this host, where it has one.
    pub own_id: Option<&'a str>,
    /// The name of this host, where it is not registered.
    pub own_name: &'a str,
}

impl Known<'_> {
    /// Tells whether a server is this host.
    #[must_use]
    pub fn is_own(&self, server: &Server) -> bool {
        self.own_id.is_some() && server.server_id.as_deref() == self.own_id
    }

    fn local(&self, why: String) -> Asked {
        let registered = self.servers.iter().find(|(_, server)| self.is_own(server));
        let name = match registered {
            Some((name, _)) => name,
            // Another server has the name of this host.
            None if self.servers.contains_key(self.own_name) => LOCAL,
            None => self.own_name,
        };
        Asked { name: name.to_owned(), server: None, why }
    }

    fn asked(&self, name: &str, server: &Server, why: &str) -> Asked {
        let server = (!self.is_own(server)).then(|| server.clone());
        Asked { name: name.to_owned(), server, why: why.to_owned() }
    }

    /// Returns the servers that a command asks: those of `choices`; without any, all that are registered where there is
    /// one beside this host, else this host.
    ///
    /// # Errors
    /// When a choice selects nothing.
    pub fn select(&self, choices: &[ServerChoice]) -> Result<Selection, CliError> {
        if choices.is_empty() {
            return Ok(self.usual());
        }
        let mut asked: Vec<Asked> = Vec::new();
        for choice in choices {
            for one in self.of(choice)? {
                if !asked.iter().any(|other| other.name == one.name) {
                    asked.push(one);
                }
            }
        }
        asked.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Selection { is_one: matches!(choices, [choice] if choice.is_one()), asked })
    }

    fn usual(&self) -> Selection {
        if self.servers.values().all(|server| self.is_own(server)) {
            let why = "no other server is registered".to_owned();
            return Selection { asked: vec![self.local(why)], is_one: true };
        }
        let all = self.servers.iter().map(|(name, server)| self.asked(name, server, "registered"));
        Selection { asked: all.collect(), is_one: false }
    }

    fn of(&self, choice: &ServerChoice) -> Result<Vec<Asked>, CliError> {
        let matching = |why: &str, matches: &dyn Fn(&str, &Server) -> bool| -> Vec<Asked> {
            let found = self.servers.iter().filter(|(name, server)| matches(name, server));
            found.map(|(name, server)| self.asked(name, server, why)).collect()
        };
        let (found, what) = match choice {
            ServerChoice::Local => return Ok(vec![self.local("-s local".to_owned())]),
            ServerChoice::Address(address) => return Ok(vec![self.at(address)]),
            ServerChoice::Name(name) => {
                let found = matching(&format!("-s {name}"), &|own, _| own == name);
                if found.is_empty() && name == self.own_name {
                    return Ok(vec![self.local(format!("-s {name}"))]);
                }
                if found.is_empty() {
                    return Err(no_such_server(self.servers, name));
                }
                (found, String::new())
            }
            ServerChoice::Glob(pattern) => {
                let glob = Pattern::new(pattern).map_err(|error| CliError::new(Exit::Usage, error.msg))?;
                (
                    matching(&format!("-s {pattern}"), &|name, _| glob.matches(name)),
                    format!("matches `{pattern}`"),
                )
            }
            ServerChoice::Group(group) => {
                let is_in = |server: &Server| group == ALL || server.groups.contains(group);
                (
                    matching(&format!("-s @{group}"), &|_, server| is_in(server)),
                    format!("is in the group `{group}`"),
                )
            }
        };
        if found.is_empty() {
            let error = CliError::new(Exit::NoSuchService, format!("no registered server {what}"));
            return Err(error.hint("`tf server list` shows names and groups"));
        }
        Ok(found)
    }

    fn at(&self, address: &Address) -> Asked {
        let why = format!("-s {address}");
        match self.servers.iter().find(|(_, server)| server.address == *address) {
            Some((name, server)) => self.asked(name, server, &why),
            None => {
                let server = Server::new(address.clone(), jiff::Timestamp::UNIX_EPOCH);
                Asked { name: address.to_string(), server: Some(server), why }
            }
        }
    }
}

/// Says that no server has a name, and which one may have been meant.
pub(crate) fn no_such_server(servers: &Servers, name: &str) -> CliError {
    let error = CliError::new(Exit::NoSuchService, format!("no server `{name}` is registered"));
    match nearest(name, servers.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`tf server list` shows them; one that is not registered is named by host:port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> Servers {
        let server = |address: &str, id: &str, groups: &[&str]| {
            let mut server = Server::new(address.parse().unwrap(), jiff::Timestamp::UNIX_EPOCH);
            server.server_id = (!id.is_empty()).then(|| id.to_owned());
            server.groups = groups.iter().map(|group| (*group).to_owned()).collect();
            server
        };
        Servers::from([
            ("desk".to_owned(), server("desk:7777", "own", &[])),
            ("db1".to_owned(), server("db1:7777", "", &["db"])),
            ("web1".to_owned(), server("web1:7777", "a", &["web"])),
            ("web2".to_owned(), server("web2:7777", "b", &["web", "db"])),
        ])
    }

    /// Checks which servers are asked: `name` through its API, `=name` as this host.
    #[track_caller]
    fn check(choices: &[&str], expected: Result<&[&str], &str>) {
        let servers = servers();
        let known = Known { servers: &servers, own_id: Some("own"), own_name: "here" };
        let choices: Vec<ServerChoice> = choices.iter().map(|text| text.parse().unwrap()).collect();
        let told = known.select(&choices);
        let names = told.map(|selection| {
            let shown = |asked: &Asked| match asked.server {
                Some(_) => asked.name.clone(),
                None => format!("={}", asked.name),
            };
            selection.asked.iter().map(shown).collect::<Vec<_>>()
        });
        match expected {
            Ok(expected) => assert_eq!(names.unwrap(), expected),
            Err(words) => {
                let error = names.unwrap_err();
                let whole = format!("{} {}", error.message, error.hint.unwrap_or_default());
                assert!(whole.contains(words), "{whole}");
                assert_eq!(error.exit, Exit::NoSuchService);
            }
        }
    }

    #[test]
    fn servers_are_selected_by_name_pattern_group_and_address() {
        check(&[], Ok(&["db1", "=desk", "web1", "web2"]));
        check(&["@all"], Ok(&["db1", "=desk", "web1", "web2"]));
        check(&["local"], Ok(&["=desk"]));
        check(&["desk"], Ok(&["=desk"]));
        check(&["web1"], Ok(&["web1"]));
        check(&["web*"], Ok(&["web1", "web2"]));
        check(&["*"], Ok(&["db1", "=desk", "web1", "web2"]));
        check(&["web[2-9]"], Ok(&["web2"]));
        check(&["@db", "@web"], Ok(&["db1", "web1", "web2"]));
        check(&["web2", "web1", "web2"], Ok(&["web1", "web2"]));
        check(&["web1:7777"], Ok(&["web1"]));
        check(&["http://10.0.0.9:80"], Ok(&["10.0.0.9:80"]));
        check(&["desk:7777"], Ok(&["=desk"]));
        check(&["wbe1"], Err("did you mean `web1`?"));
        check(&["nothing"], Err("no server `nothing` is registered"));
        check(&["x*"], Err("no registered server matches `x*`"));
        check(&["@mail"], Err("no registered server is in the group `mail`"));
        check(&["web1", "x*"], Err("no registered server matches `x*`"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in ["", "@", "@a b", "we b", "a/b", "web1:x", "[", "ftp://web1:1", "local:"] {
            assert!(text.parse::<ServerChoice>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn without_others_this_host_is_asked_as_ever() {
        let mut servers = servers();
        servers.retain(|name, _| name == "desk");
        let select =
            |own_id, servers: &Servers| Known { servers, own_id, own_name: "here" }.select(&[]).unwrap();
        assert!(select(Some("own"), &servers).is_plainly_local());
        assert!(select(None, &Servers::new()).is_plainly_local());
        assert_eq!(select(None, &Servers::new()).asked[0].name, "here");
        // Without an id of our own no entry is known to be us.
        assert!(!select(None, &servers).is_plainly_local());
    }

    #[test]
    fn one_that_is_named_needs_no_name_beside_its_answer() {
        let servers = servers();
        let known = Known { servers: &servers, own_id: None, own_name: "here" };
        for (choices, is_one) in [
            (&["web1"][..], true),
            (&["web1:7777"], true),
            (&["db*"], false),
            (&["@web"], false),
            (&["web1", "web2"], false),
        ] {
            let choices: Vec<ServerChoice> = choices.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(known.select(&choices).unwrap().is_one, is_one, "{choices:?}");
        }
    }
}
