use std::fmt;
use std::str::FromStr;

use crate::words::{Bounded, checked_text, words};
use crate::{TextError, nearest};

/// A whole number above zero.
pub type Positive = Bounded<1, { i64::MAX }>;
/// A share beside others on systemd's scale, 1 to 10,000.
pub type Weight = Bounded<1, 10_000>;
/// A share of input and output on the scale of container engines, 10 to 1,000.
pub type BlockWeight = Bounded<10, 1_000>;
/// A percentage in whole numbers.
pub type Percent = Bounded<0, 100>;
/// How readily the kernel kills a process when memory is gone.
pub type OomScore = Bounded<-1_000, 1_000>;

words! {
    /// What becomes of the rest when one process was killed for memory. Source: systemd.service(5), `OOMPolicy=`.
    pub enum OomPolicy {
        /// It goes on.
        Continue = "continue",
        /// It is stopped.
        Stop = "stop",
        /// It is killed too.
        Kill = "kill",
    }
}

words! {
    /// Whether systemd-oomd may kill. Source: systemd.resource-control(5), `ManagedOOMSwap=`.
    pub enum ManagedOom {
        /// As the units above it say.
        Auto = "auto",
        /// It may.
        Kill = "kill",
    }
}

words! {
    /// Whether systemd-oomd should take others first. Source: systemd.resource-control(5), `ManagedOOMPreference=`.
    pub enum OomPreference {
        /// No preference.
        None = "none",
        /// Rather others.
        Avoid = "avoid",
        /// Never this one.
        Omit = "omit",
    }
}

checked_text! {
    /// Processors by their numbers: `0-3,8`.
    CpuList, is_cpu_list, "is no list of processors such as 0-3,8"
}

checked_text! {
    /// A device's path below `/dev`, or a file whose device is meant.
    DevicePath, is_device_path, "is no absolute path of a device such as /dev/sda"
}

checked_text! {
    /// A rule for devices by their numbers: `c 42:* rmw`.
    DeviceRule, is_device_rule, "is no rule for devices such as `c 42:* rwm`"
}

checked_text! {
    /// A user or group by name or number.
    OwnerName, is_owner, "is no name or number of a user or group"
}

fn is_cpu_list(text: &str) -> bool {
    let number = |part: &str| part.parse::<u16>().ok();
    let range = |part: &str| match part.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => number(part).is_some(),
    };
    text.split(',').all(range)
}

/// Nothing that means something to systemd or to a container engine: no space, `:` or `%`.
fn is_device_path(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_.-@+,=".contains(&b);
    text.starts_with('/') && text.bytes().all(plain) && !text.split('/').any(|part| part == "..")
}

fn is_device_rule(text: &str) -> bool {
    let mut words = text.split(' ');
    let (Some(kind), Some(numbers), Some(rights), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let number = |part: &str| part == "*" || part.parse::<u32>().is_ok();
    matches!(kind, "a" | "b" | "c")
        && numbers.split_once(':').is_some_and(|(major, minor)| number(major) && number(minor))
        && are_rights(rights)
}

fn are_rights(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b"rwm".contains(&b))
}

fn is_owner(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain) && !text.starts_with(['-', '.'])
}

/// A capability of the kernel, without the `CAP_` in front; or `ALL`. Source: capabilities(7).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Capability(String);

impl Capability {
    /// Returns the name as container engines write it: `NET_ADMIN`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether it stands for all of them.
    pub fn is_all(&self) -> bool {
        self.0 == "ALL"
    }
}

impl FromStr for Capability {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if CAPABILITIES.contains(&name) {
            return Ok(Self(name.to_owned()));
        }
        let help = match nearest(name, CAPABILITIES) {
            Some(near) => format!("is no capability: did you mean `{near}`?"),
            None => "is no capability such as NET_ADMIN, or ALL".to_owned(),
        };
        Err(TextError::new(text, help))
    }
}

/// Source: capabilities(7), in the order of the kernel's numbers; a name that is not known drops nothing, silently.
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// A device that may be used: `/dev/ttyUSB0`, `/dev/sda:/dev/disk:rw`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// Its path on the machine.
    pub path: DevicePath,
    /// Its path in a container, where that is another.
    pub inside: Option<DevicePath>,
    /// What may be done with it: `r`, `w` and `m` (mknod).
    rights: String,
}

impl Device {
    /// Returns what may be done with it: one or more of `rwm`.
    pub fn rights(&self) -> &str {
        &self.rights
    }
}

impl fmt::Display for Device {
    /// Writes it as container engines read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.inside.as_ref().unwrap_or(&self.path), self.rights)
    }
}

impl FromStr for Device {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let (path, inside, rights) = match parts.as_slice() {
            [path] => (path, None, "rwm"),
            [path, rights] if are_rights(rights) => (path, None, *rights),
            [path, inside] => (path, Some(inside), "rwm"),
            [path, inside, rights] if are_rights(rights) => (path, Some(inside), *rights),
            _ => {
                return Err(TextError::new(
                    text,
                    "is no device such as /dev/sda, /dev/sda:rw or /dev/sda:/dev/disk:r",
                ));
            }
        };
        let inside = inside.map(|inside| inside.parse()).transpose()?;
        Ok(Self { path: path.parse()?, inside, rights: rights.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromStr<Err = TextError>>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text:?}");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        check::<CpuList>(&["0", "0-3,8"], &["", "3-0", "a", "0,", "0 1"]);
        check::<DevicePath>(
            &["/dev/sda", "/dev/disk/by-id/x=1"],
            &["sda", "/dev/a b", "/dev/%h", "/dev/../x", "/a:b"],
        );
        check::<DeviceRule>(&["c 42:* rmw", "a *:* r"], &["", "c 42 r", "x 1:1 r", "c 1:1 q", "c 1:1 r w"]);
        check::<OwnerName>(&["www-data", "1000", "a.b"], &["", "-x", "a b", "a\nb", "%u"]);
        check::<Capability>(&["net_admin", "CAP_CHOWN", "ALL"], &["", "CAP_", "NET ADMIN", "x%y"]);
        check::<Positive>(&["1"], &["0", "-1", "x", "1.5"]);
    }

    #[test]
    fn a_device_has_a_path_a_place_inside_and_rights() {
        let read = |text: &str| text.parse::<Device>().unwrap();
        assert_eq!(read("/dev/sda").to_string(), "/dev/sda:/dev/sda:rwm");
        assert_eq!((read("/dev/sda:r").rights(), read("/dev/sda:r").inside), ("r", None));
        assert_eq!(read("/dev/sda:/dev/x:rw").to_string(), "/dev/sda:/dev/x:rw");
        assert!("/dev/sda:/dev/x:rw:z".parse::<Device>().is_err());
    }
}
