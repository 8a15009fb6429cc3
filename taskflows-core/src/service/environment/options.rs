use std::collections::BTreeMap;

use thiserror::Error;

use crate::text::check_characters;
use crate::{ByteSize, TextError, TimeSpan, nearest};

/// One option of a container engine: its key in a definition, its flag, and what its value is.
#[derive(Clone, Copy, Debug)]
pub struct OptionRule {
    /// The key in a definition.
    pub key: &'static str,
    /// The flag of `docker run` and `podman run`.
    pub flag: &'static str,
    /// What its value is.
    pub kind: OptionKind,
    /// One line about it.
    pub about: &'static str,
}

/// What the value of an [`OptionRule`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Given or not.
    Flag,
    /// A text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A whole number.
    Whole,
    /// An amount of memory.
    Size,
    /// A length of time.
    Span,
    /// Several texts, each with a flag of its own.
    Many,
    /// Names and values, each with a flag of its own, joined by this.
    Pairs(char),
    /// A number of billionths, which the flag counts in whole ones.
    Billionths,
}

use OptionKind::{Billionths, Flag, Many, Pairs, Size, Span, Text, Whole, Words};

const fn rule(key: &'static str, flag: &'static str, kind: OptionKind, about: &'static str) -> OptionRule {
    OptionRule { key, flag, kind, about }
}

const NETWORKS: &str = "the network: bridge, host, none, or a name";

/// The options of `docker run` that have no field of their own, in the order in which they are written.
/// Source: docker-run(1), podman-run(1).
pub(crate) const RUN: [OptionRule; 51] = [
    rule("network_mode", "--network", Text, NETWORKS),
    rule("network", "--network", Text, NETWORKS),
    rule("init", "--init", Flag, "a small init is process 1, which reaps children and passes signals on"),
    rule("shm_size", "--shm-size", Size, "the size of /dev/shm"),
    rule("volumes_from", "--volumes-from", Many, "containers whose volumes it sees too"),
    rule("volume_driver", "--volume-driver", Text, "the driver of volumes"),
    rule("hostname", "--hostname", Text, "its host name"),
    rule("domainname", "--domainname", Text, "its domain"),
    rule("dns", "--dns", Many, "name servers"),
    rule("dns_search", "--dns-search", Many, "domains in which names are looked for"),
    rule("dns_opt", "--dns-option", Many, "options of the resolver"),
    rule("mac_address", "--mac-address", Text, "its hardware address"),
    rule("pid_mode", "--pid", Text, "whose processes it sees: `host`, `container:NAME`"),
    rule("ipc_mode", "--ipc", Text, "whose shared memory it sees"),
    rule("uts_mode", "--uts", Text, "whose host name it has: `host`"),
    rule("userns_mode", "--userns", Text, "whose users it has"),
    rule("cgroupns_mode", "--cgroupns", Words(&["host", "private"]), "whose control groups it sees"),
    rule("privileged", "--privileged", Flag, "it may do all that the host may"),
    rule("publish_all_ports", "--publish-all", Flag, "every port that its image names is opened on the host"),
    rule("tty", "--tty", Flag, "it has a terminal"),
    rule("entrypoint", "--entrypoint", Text, "the program, instead of the image's"),
    rule("log_driver", "--log-driver", Text, "where the engine keeps its output too; none unless told"),
    rule("log_options", "--log-opt", Pairs('='), "options of the log driver"),
    rule("extra_hosts", "--add-host", Pairs(':'), "names and their addresses"),
    rule("group_add", "--group-add", Many, "more groups"),
    rule("labels", "--label", Pairs('='), "labels"),
    rule("links", "--link", Pairs(':'), "other containers and the names they have in it"),
    rule("mounts", "--mount", Many, "mounts, as docker-run(1) writes them: `type=bind,source=/a,target=/b`"),
    rule("tmpfs", "--tmpfs", Pairs(':'), "directories in memory and their mount options"),
    rule("storage_opt", "--storage-opt", Pairs('='), "options of the storage driver"),
    rule("sysctls", "--sysctl", Pairs('='), "kernel settings of its own"),
    rule("security_opt", "--security-opt", Many, "settings of seccomp, AppArmor, SELinux"),
    rule("platform", "--platform", Text, "the platform of the image: `linux/arm64`"),
    rule("runtime", "--runtime", Text, "the OCI runtime"),
    rule("stop_signal", "--stop-signal", Text, "the signal that asks it to end"),
    rule("gpus", "--gpus", Text, "graphics processors: `all`, `device=0`"),
    rule("pull", "--pull", Words(&["always", "missing", "never"]), "when the image is fetched"),
    rule("blkio_weight_device", "--blkio-weight-device", Pairs(':'), "devices and their shares, 10 to 1000"),
    rule("cpu_rt_period", "--cpu-rt-period", Whole, "the period of real-time scheduling in microseconds"),
    rule("cpu_rt_runtime", "--cpu-rt-runtime", Whole, "the real-time share of a period in microseconds"),
    rule("cpuset_mems", "--cpuset-mems", Text, "the memory nodes it may use"),
    rule("nano_cpus", "--cpus", Billionths, "processors in billionths of one"),
    rule("cpus", "--cpus", Text, "processors: `1.5`"),
    rule("oom_kill_disable", "--oom-kill-disable", Flag, "the kernel does not kill it when memory is gone"),
    rule("health_cmd", "--health-cmd", Text, "a command that tells whether it is well"),
    rule("health_interval", "--health-interval", Span, "how often it is asked"),
    rule("health_timeout", "--health-timeout", Span, "how long an answer may take"),
    rule("health_start_period", "--health-start-period", Span, "how long it may be unwell after its start"),
    rule("health_retries", "--health-retries", Whole, "how many bad answers make it unwell"),
    rule("no_healthcheck", "--no-healthcheck", Flag, "the image's own check is not run"),
    rule("annotations", "--annotation", Pairs('='), "OCI annotations"),
];

/// The options of `docker build`. Source: docker-build(1).
pub(crate) const BUILD: [OptionRule; 15] = [
    rule(
        "dockerfile",
        "--file",
        Text,
        "the file with the instructions, `Dockerfile` in the directory unless told",
    ),
    rule("quiet", "--quiet", Flag, "say nothing but the image's id"),
    rule("nocache", "--no-cache", Flag, "build every step anew"),
    rule("rm", "--rm", Flag, "take intermediate containers away"),
    rule("forcerm", "--force-rm", Flag, "take them away even where the build fails"),
    rule("pull", "--pull", Flag, "look for a newer base image"),
    rule(
        "buildargs",
        "--build-arg",
        Pairs('='),
        "arguments of the build; they stay in the image, so no secrets",
    ),
    rule("shmsize", "--shm-size", Size, "the size of /dev/shm while it is built"),
    rule("labels", "--label", Pairs('='), "labels"),
    rule("cache_from", "--cache-from", Many, "images whose layers may be used"),
    rule("target", "--target", Text, "the stage to build"),
    rule("network_mode", "--network", Text, "the network while it is built"),
    rule("squash", "--squash", Flag, "make one layer of the new ones"),
    rule("extra_hosts", "--add-host", Pairs(':'), "names and their addresses while it is built"),
    rule("platform", "--platform", Text, "the platform to build for"),
];

/// A value that is none for an option.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionError {
    /// There is no such option.
    #[error("there is no option `{}`{}", key.escape_debug(), near.map_or_else(String::new, |near| format!(", did you mean `{near}`?")))]
    Unknown {
        /// The key as written.
        key: String,
        /// The one that may be meant.
        near: Option<&'static str>,
    },
    /// Its value is none.
    #[error("`{key}`")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        source: TextError,
    },
}

impl OptionRule {
    /// Looks an option up and checks its values. A flag has no value, and `false` in place of one unsets it.
    pub(super) fn read<I>(
        rules: &'static [Self],
        key: &str,
        values: I,
    ) -> Result<(&'static str, Vec<String>), OptionError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let Some(rule) = rules.iter().find(|rule| rule.key == key) else {
            let near = nearest(key, rules.iter().map(|rule| rule.key));
            return Err(OptionError::Unknown { key: key.to_owned(), near });
        };
        let checked: Result<Vec<String>, TextError> =
            values.into_iter().map(|value| rule.check(value.as_ref())).collect();
        let values = checked.map_err(|source| OptionError::Value { key: rule.key, source })?;
        let several = matches!(rule.kind, Many | Pairs(_));
        if !several && values.len() != 1 {
            let source = TextError::new(rule.key, "has one value");
            return Err(OptionError::Value { key: rule.key, source });
        }
        Ok((rule.key, values))
    }

    /// Brings a value into the form that the engine reads.
    fn check(&self, value: &str) -> Result<String, TextError> {
        check_characters(value).map_err(|reason| TextError::new(value, reason))?;
        match self.kind {
            Flag if ["true", "false"].contains(&value) => Ok(value.to_owned()),
            Flag => Err(TextError::new(value, "is neither true nor false")),
            Text if value.is_empty() && self.key != "entrypoint" => Err(TextError::new(value, "is empty")),
            Text | Many => Ok(value.to_owned()),
            Words(words) if words.contains(&value) => Ok(value.to_owned()),
            Words(words) => Err(TextError::new(value, format!("is none of {}", words.join(", ")))),
            Whole => value.parse::<u64>().map(|number| number.to_string()).map_err(|_| whole(value)),
            Billionths => {
                let number = value.parse::<u64>().map_err(|_| whole(value))?;
                Ok(format!("{}.{:09}", number / 1_000_000_000, number % 1_000_000_000))
            }
            Size => value
                .parse::<ByteSize>()
                .map(|size| size.bytes().to_string())
                .map_err(|error| wrong(value, &error)),
            // Engines read Go's spelling, in which whole milliseconds say every length.
            Span => {
                let span = value.parse::<TimeSpan>().map_err(|error| wrong(value, &error))?;
                Ok(format!("{}ms", span.micros() / 1_000))
            }
            Pairs(join) if value.contains(join) => Ok(value.to_owned()),
            Pairs(_) if self.key == "tmpfs" || self.key == "labels" => Ok(value.to_owned()),
            Pairs(join) => Err(TextError::new(value, format!("is no name and value with `{join}` between"))),
        }
    }

    /// Writes the options that are set, in the order of the rules.
    pub(super) fn write(
        rules: &'static [Self],
        options: &BTreeMap<&'static str, Vec<String>>,
    ) -> Vec<String> {
        let mut arguments = Vec::new();
        for rule in rules {
            for value in options.get(rule.key).into_iter().flatten() {
                arguments.push(match rule.kind {
                    // `--rm=false` says more than nothing: some flags are on by themselves.
                    Flag if value == "true" => rule.flag.to_owned(),
                    _ => format!("{}={value}", rule.flag),
                });
            }
        }
        arguments
    }
}

fn whole(value: &str) -> TextError {
    TextError::new(value, "is no whole number")
}

fn wrong(value: &str, error: &dyn std::error::Error) -> TextError {
    TextError::new(value, format!("is wrong: {error}"))
}
