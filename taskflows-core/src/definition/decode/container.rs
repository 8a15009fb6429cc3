use super::cgroup;
use super::cgroup::{flag, scalar};
use super::fields::{Fields, Reader, chain};
use super::service::{VARIABLES, command, length, path, paths, variables};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, joined, required};
use crate::service::{
    BUILD, BuildSpec, Container, Environment, Image, OptionError, OptionKind, OptionRule, Port, RUN,
    RestartCondition, Ulimit, Volume,
};

const RUN_FIELDS: [Field; RUN.len()] = fields_of(&RUN);
const BUILD_FIELDS: [Field; BUILD.len()] = fields_of(&BUILD);

/// Makes keys of the options of an engine.
const fn fields_of<const N: usize>(rules: &[OptionRule; N]) -> [Field; N] {
    let mut fields = [field("", Shape::Text, ""); N];
    let mut index = 0;
    while index < N {
        fields[index] = field(rules[index].key, shape_of(rules[index].kind), rules[index].about);
        index += 1;
    }
    fields
}

const fn shape_of(kind: OptionKind) -> Shape {
    match kind {
        OptionKind::Flag => Shape::Flag,
        OptionKind::Text => Shape::Scalar,
        OptionKind::Words(words) => Shape::Words(words),
        OptionKind::Whole | OptionKind::Billionths => Shape::Whole(0, i64::MAX),
        OptionKind::Size => Shape::Size,
        OptionKind::Span => Shape::Span,
        OptionKind::Many => Shape::OneOrMany(&Shape::Text),
        OptionKind::Pairs(_) => Shape::Any(&[Shape::Map(&Shape::Scalar), Shape::OneOrMany(&Shape::Text)]),
    }
}

const IMAGES: &[Shape] = &[Shape::Text, Shape::Table(&IMAGE)];
const VOLUMES: &[Shape] = &[Shape::Text, Shape::Table(&VOLUME)];
const ULIMITS: &[Shape] = &[Shape::Text, Shape::Table(&ULIMIT)];

const TYPED: [Field; 15] = [
    field("type", Shape::Words(&["DockerContainer", "Container"]), "what it is"),
    required("image", Shape::Any(IMAGES), "the image, or how it is built"),
    field("name", Shape::Text, "the container's name, `taskflows-<service>` unless told"),
    field(
        "command",
        Shape::Any(&[Shape::Text, Shape::List(&Shape::Text)]),
        "what runs in it where the service says nothing",
    ),
    field(
        "persisted",
        Shape::Flag,
        "made once and started again, so that what it writes into itself is kept",
    ),
    field("environment", VARIABLES, "environment variables; those of the service win"),
    field(
        "env_file",
        Shape::OneOrMany(&Shape::Text),
        "files of variables: lines of `NAME=value` without quotes",
    ),
    field(
        "volumes",
        Shape::OneOrMany(&Shape::Any(VOLUMES)),
        "what it sees of the host: `/srv/data:/data:ro`",
    ),
    field("ulimits", Shape::OneOrMany(&Shape::Any(ULIMITS)), "limits on each process: `nofile=1024:4096`"),
    field("ports", PORTS, "its ports on the host: `8080:80`, or a table from container to host"),
    field("cgroup_config", cgroup::SHAPE, "what it may use of the machine"),
    field(
        "restart_policy",
        Shape::Words(&RestartCondition::TEXTS),
        "what follows its end, where the service says nothing",
    ),
    field("engine", Shape::Text, "docker, podman, or the path of one; one that is found where none is told"),
    field("engine_host", Shape::Text, "where the engine listens: `unix:///run/user/1000/docker.sock`"),
    field("detach", Shape::Flag, "false: containers run in the foreground"),
];

const PORTS: Shape = Shape::Any(&[
    Shape::OneOrMany(&Shape::Scalar),
    Shape::Map(&Shape::OneOrMany(&Shape::Any(&[Shape::Scalar, Shape::Table(&HOST_PORT)]))),
]);

static CONTAINER_FIELDS: [Field; TYPED.len() + RUN.len()] = joined(TYPED, RUN_FIELDS);
static IMAGE_FIELDS: [Field; IMAGE_TYPED.len() + BUILD.len()] = joined(IMAGE_TYPED, BUILD_FIELDS);

const NO_FLAG: &str = "is no option of the engines' commands";
const WINDOWS: &str = "is for containers of Windows";

pub(super) static CONTAINER: Object = Object {
    what: "a container",
    fields: &CONTAINER_FIELDS,
    refused: &[
        ("auto_remove", "is how it is: one that is not `persisted` is taken away when it ends"),
        ("remove", "is how it is: one that is not `persisted` is taken away when it ends"),
        ("cpu_count", WINDOWS),
        ("cpu_percent", WINDOWS),
        ("isolation", WINDOWS),
        ("device_requests", "is written `gpus`"),
        ("healthcheck", "is written `health_cmd`, `health_interval`, `health_timeout`, `health_retries`"),
        ("init_path", NO_FLAG),
        ("kernel_memory", "is a limit that kernels no longer keep"),
        ("lxc_conf", NO_FLAG),
        ("network_disabled", "is written `network_mode = \"none\"`"),
        ("stream", NO_FLAG),
        ("use_config_proxy", "is what the engines' commands do by themselves"),
        ("version", NO_FLAG),
        ("user", "stands in its `cgroup_config`"),
        ("working_dir", "stands in its `cgroup_config`, or is the service's `working_directory`"),
        ("read_only", "is `read_only_rootfs` in its `cgroup_config`"),
        ("mem_limit", "is `memory_limit` in its `cgroup_config`"),
    ],
};

const IMAGE_TYPED: [Field; 4] = [
    field("type", Shape::Words(&["DockerImage"]), "what it is"),
    required("tag", Shape::Text, "the name it gets; one that is there already is used as it is"),
    required("path", Shape::Text, "the directory that is built"),
    field("timeout", Shape::Span, "how long it may take"),
];

static IMAGE: Object = Object {
    what: "an image",
    fields: &IMAGE_FIELDS,
    refused: &[
        ("container_limits", "is not kept by today's builders"),
        ("encoding", NO_FLAG),
        ("isolation", WINDOWS),
        ("use_config_proxy", "is what the engines' commands do by themselves"),
    ],
};

static VOLUME: Object = Object {
    what: "a volume",
    fields: &[
        field("type", Shape::Words(&["Volume"]), "what it is"),
        required("host_path", Shape::Text, "the path on the host, or the name of a volume"),
        required("container_path", Shape::Text, "the path in the container"),
        field("read_only", Shape::Flag, "the container may only read it"),
    ],
    refused: &[],
};

static ULIMIT: Object = Object {
    what: "a ulimit",
    fields: &[
        field("type", Shape::Words(&["Ulimit"]), "what it is"),
        required("name", Shape::Words(&Ulimit::NAMES), "which limit"),
        field("soft", Shape::Whole(-1, i64::MAX), "what holds unless a process asks for more"),
        field("hard", Shape::Whole(-1, i64::MAX), "the most it may ask for"),
    ],
    refused: &[],
};

static HOST_PORT: Object = Object {
    what: "a port of the host",
    fields: &[field("HostIp", Shape::Text, "the address"), field("HostPort", Shape::Scalar, "the port")],
    refused: &[],
};

pub(super) fn container<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Environment> {
    let fields = reader.table(node, &CONTAINER)?;
    let before = reader.told.errors.len();
    let mut container = Container::of(image(reader, fields.get("image")?)?);
    container.name = scalar(reader, &fields, "name");
    container.command = command(reader, &fields, "command");
    container.persisted = flag(reader, &fields, "persisted");
    container.environment = variables(reader, &fields, "environment");
    container.env_file = paths(reader, &fields, "env_file");
    container.volumes = many(reader, &fields, "volumes", volume);
    container.ulimits = many(reader, &fields, "ulimits", ulimit);
    container.ports = fields.get("ports").map_or_else(Vec::new, |node| ports(reader, node));
    container.cgroup_config = fields.get("cgroup_config").and_then(|node| cgroup::limits(reader, node));
    container.restart_policy =
        fields.get("restart_policy").and_then(|node| reader.word(node, &RestartCondition::TEXTS));
    container.engine = scalar(reader, &fields, "engine");
    container.engine_host = scalar(reader, &fields, "engine_host");
    if let Some(node) = fields.get("detach")
        && flag(reader, &fields, "detach")
    {
        reader.wrong(
            node,
            "a container runs in the foreground, so that its output and its end are the service's",
        );
    }
    for rule in &RUN {
        let Some(node) = fields.get(rule.key) else { continue };
        let Some(values) = values(reader, node, rule.kind) else { continue };
        let set = container.clone().option(rule.key, values);
        container = reader.option(node, set).unwrap_or(container);
    }
    (reader.told.errors.len() == before).then(|| container.into())
}

fn image<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Image> {
    if !matches!(node.value, Value::Table(_)) {
        return reader.parsed(node).map(Image::Named);
    }
    let fields = reader.table(node, &IMAGE)?;
    let tag = reader.parsed(fields.get("tag")?)?;
    let mut spec = BuildSpec::new(tag, path(reader, fields.get("path")?)?);
    spec.timeout = fields.get("timeout").and_then(|node| length(reader, node));
    for rule in &BUILD {
        let Some(node) = fields.get(rule.key) else { continue };
        let Some(values) = values(reader, node, rule.kind) else { continue };
        let set = spec.clone().option(rule.key, values);
        spec = reader.option(node, set).unwrap_or(spec);
    }
    Some(Image::Built(Box::new(spec)))
}

impl<'a> Reader<'a> {
    fn option<T>(&mut self, node: &Node, set: Result<T, OptionError>) -> Option<T> {
        set.map_err(|error| self.error(Problem::error(chain(&error), node.span.clone(), ""))).ok()
    }
}

/// Reads the value of an option as the texts that its flag takes.
fn values<'a>(reader: &mut Reader<'a>, node: &'a Node, kind: OptionKind) -> Option<Vec<String>> {
    match (kind, &node.value) {
        (OptionKind::Flag, _) => Some(vec![reader.boolean(node)?.to_string()]),
        (OptionKind::Pairs(join), Value::Table(entries)) => {
            let mut pairs = Vec::new();
            for (key, node) in entries {
                pairs.push(match &node.value {
                    Value::Null => key.text.clone(),
                    _ => format!("{}{join}{}", key.text, reader.amount(node)?),
                });
            }
            pairs.sort();
            Some(pairs)
        }
        (OptionKind::Many | OptionKind::Pairs(_), _) => {
            Reader::one_or_many(node).iter().map(|item| Some(reader.amount(item)?.to_owned())).collect()
        }
        _ => Some(vec![reader.amount(node)?.to_owned()]),
    }
}

fn many<'a, T>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
    key: &str,
    read: fn(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    Reader::one_or_many(node).iter().filter_map(|item| read(reader, item)).collect()
}

fn volume<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Volume> {
    let (host, inside, read_only) = match &node.value {
        Value::Table(_) => {
            let fields = reader.table(node, &VOLUME)?;
            let host = reader.string(fields.get("host_path")?)?;
            let inside = reader.string(fields.get("container_path")?)?;
            (host.to_owned(), inside.to_owned(), flag(reader, &fields, "read_only"))
        }
        _ => {
            let text = reader.string(node)?;
            // `./data` stands beside the definition; `data` is the name of a volume.
            let volume: Volume = match (text.strip_prefix("./"), &reader.source.base) {
                (Some(rest), Some(base)) => {
                    reader.parse(node, &format!("{}/{rest}", base.trim_end_matches('/')))?
                }
                _ => reader.parse(node, text)?,
            };
            return Some(volume);
        }
    };
    let host = match &reader.source.base {
        Some(base) if host.starts_with("./") => format!("{}/{}", base.trim_end_matches('/'), &host[2..]),
        _ => host,
    };
    Volume::new(&host, &inside, read_only).map_err(|error| reader.wrong(node, error.to_string())).ok()
}

fn ulimit<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Ulimit> {
    if !matches!(node.value, Value::Table(_)) {
        return reader.parsed(node);
    }
    let fields = reader.table(node, &ULIMIT)?;
    let name = reader.string(fields.get("name")?)?;
    let mut end = |key: &str| fields.get(key).and_then(|node| reader.number::<i64>(node, "a whole number"));
    let (soft, hard) = (end("soft"), end("hard"));
    Ulimit::new(name, soft, hard).map_err(|error| reader.wrong(node, error.to_string())).ok()
}

/// Reads `8080:80` and lists of it, or a table from ports of the container to those of the host.
fn ports<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<Port> {
    let Value::Table(entries) = &node.value else {
        return Reader::one_or_many(node).iter().filter_map(|item| reader.scalar(item)).collect();
    };
    let mut ports = Vec::new();
    for (key, node) in entries {
        for item in Reader::one_or_many(node) {
            let port = match &item.value {
                Value::Null => Some((None, None)),
                Value::Table(_) => reader.table(item, &HOST_PORT).map(|fields| {
                    (
                        fields.get("HostIp").and_then(|node| reader.string(node)),
                        fields.get("HostPort").and_then(|node| reader.amount(node)),
                    )
                }),
                _ => reader.amount(item).map(|port| (None, Some(port))),
            };
            let Some((address, port)) = port else { continue };
            match Port::new(&key.text, address, port) {
                Ok(port) => ports.push(port),
                Err(error) => reader.wrong(item, error.to_string()),
            }
        }
    }
    ports
}
