# shellcheck shell=bash
# What the scripts share. Sourced, not run.

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs the Debian packages that are missing, or says which they are.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "install these packages first: ${missing[*]}"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "as root: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    as_root apt-get update -qq || fail "apt-get update failed; install by hand: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
        || fail "could not install ${missing[*]}"
}

need_cargo() {
    command -v cargo >/dev/null || PATH=$HOME/.cargo/bin:$PATH
    command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.91 or later (rustup.rs)"
}

# What building and a private manager need.
need_everything() {
    need_cargo
    need_packages gcc libc6-dev systemd dbus-user-session util-linux procps tzdata ca-certificates strace
}

# Slack's own library, whose models check our Block Kit.
need_slack_sdk() {
    local version=3.47.0 tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/slack-sdk
    need_packages python3 python3-venv
    "$tools/bin/python" -c "import slack_sdk.version as v; raise SystemExit(v.__version__ != '$version')" 2>/dev/null \
        && return
    say "installing slack_sdk $version"
    python3 -m venv "$tools" || fail "could not make a Python environment for slack_sdk"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "slack_sdk==$version" \
        || fail "could not install slack_sdk $version into $tools"
}

# What asks our API all that its document allows, and all that it does not.
need_schemathesis() {
    local version=4.32.5 tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/schemathesis
    need_packages python3 python3-venv
    "$tools/bin/python" -c "from importlib.metadata import version as v; raise SystemExit(v('schemathesis') != '$version')" \
        2>/dev/null && return
    say "installing schemathesis $version"
    python3 -m venv "$tools" || fail "could not make a Python environment for schemathesis"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" \
        || fail "could not install schemathesis $version into $tools"
}

# Prometheus' own library, which reads the metrics of the API.
need_prometheus_client() {
    local version=0.23.1 tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/prometheus-client
    need_packages python3 python3-venv
    "$tools/bin/python" -c "from importlib.metadata import version as v; raise SystemExit(v('prometheus_client') != '$version')" \
        2>/dev/null && return
    say "installing prometheus_client $version"
    python3 -m venv "$tools" || fail "could not make a Python environment for prometheus_client"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "prometheus_client==$version" \
        || fail "could not install prometheus_client $version into $tools"
}

# What the tests need beside that: container engines, an image's worth of programs, Python and uv.
need_test_tools() {
    need_packages docker.io podman runc busybox-static python3 python3-venv iproute2 passwd
    # The pipeline kit: its Lua runs, its YAML is read, and its compose file, by programs that are not ours.
    need_packages lua5.1 python3-yaml docker-compose
    need_alert_tools
    need_slack_sdk
    need_schemathesis
    need_prometheus_client
    need_logql
    need_loki_stand_in
    command -v uv >/dev/null && return
    local tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/uv
    if [ ! -x "$tools/bin/uv" ]; then
        say "installing uv"
        python3 -m venv "$tools" || fail "could not make a Python environment for uv"
        "$tools/bin/pip" install --quiet --disable-pip-version-check uv \
            || fail "could not install uv; install it by hand and put it on PATH"
    fi
    PATH=$tools/bin:$PATH
}

# What alerts are sent to in tests: a real mail server, and an emulator of Slack's Web API.
need_alert_tools() {
    need_packages exim4-daemon-light
    local emulator=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/emulate-0.11.2
    [ -x "$emulator/node_modules/.bin/emulate" ] && return
    command -v node >/dev/null || need_packages nodejs
    command -v npm >/dev/null || need_packages npm
    say "installing the emulator of Slack"
    npm install --prefix "$emulator" --ignore-scripts --no-audit --no-fund --silent emulate@0.11.2 \
        || fail "could not install the npm package emulate 0.11.2"
}

# Grafana's own grammar of LogQL, which reads every query that we write.
need_logql() {
    local tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci/lezer-logql-0.4.2
    [ -f "$tools/node_modules/@grafana/lezer-logql/package.json" ] && [ -f "$tools/node_modules/@lezer/lr/package.json" ] && return
    command -v node >/dev/null || need_packages nodejs
    command -v npm >/dev/null || need_packages npm
    say "installing the grammar of LogQL"
    npm install --prefix "$tools" --ignore-scripts --no-audit --no-fund --silent \
        @grafana/lezer-logql@0.4.2 @lezer/lr@1.4.10 @lezer/common@1.5.5 \
        || fail "could not install the npm package @grafana/lezer-logql 0.4.2"
}

# Where the parts of the stand-in for Loki are; sets `qryn` and `chdb`.
loki_stand_in_versions() {
    local tools=${XDG_CACHE_HOME:-$HOME/.cache}/taskflows-ci
    qryn=$tools/qryn-3.2.39 chdb=$tools/chdb-4.4.0
}

# A server with Loki's API; Loki itself is in no package registry. About 1 GB.
need_loki_stand_in() {
    local qryn chdb
    loki_stand_in_versions
    command -v node >/dev/null || need_packages nodejs
    if [ ! -e "$qryn/node_modules/qryn/qryn.mjs" ]; then
        command -v npm >/dev/null || need_packages npm
        say "installing qryn ${qryn##*-}"
        npm install --prefix "$qryn" --ignore-scripts --no-audit --no-fund --silent "qryn@${qryn##*-}" \
            || fail "could not install the npm package qryn ${qryn##*-}"
    fi
    "$chdb/bin/python" -c 'from chdb import session' 2>/dev/null && return
    need_packages python3 python3-venv
    say "installing chdb ${chdb##*-}"
    python3 -m venv "$chdb" || fail "could not make a Python environment for chdb"
    "$chdb/bin/pip" install --quiet --disable-pip-version-check "chdb==${chdb##*-}" \
        || fail "could not install chdb ${chdb##*-} into $chdb"
}
