"""What scripts/bench measures, once its manager runs: bench.py TF MINIMAL_STATUS N..."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

TF, MINIMAL, SIZES = sys.argv[1], sys.argv[2], [int(n) for n in sys.argv[3:]]
HOME = os.environ["HOME"]
UNITS = f"{HOME}/.config/systemd/user"
BUSCTL = ["busctl", "--user", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
          "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns", "asas", "0", "1", "taskflows-*"]
SYSTEMCTL = ["systemctl", "--user"]
ERRORS = open(f"{HOME}/errors", "wb")  # a pipe would fill: systemctl tells each link
peak = {}


def once(command):
    """Runs a command; returns its wall time in milliseconds."""
    began = time.perf_counter()
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=ERRORS, check=False).returncode
    took = (time.perf_counter() - began) * 1000
    if code != 0:
        sys.exit(f"{command[:6]} ended with {code}; what it said is in {ERRORS.name}")
    return took


def weigh(command):
    """Notes the peak memory of a command. The kernel's own count at the end would include ours, from the fork."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=ERRORS)
    name = "tf " + command[1]
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as status:
                lines = dict(line.split(":", 1) for line in status)
            if lines["Name"].strip() == "tf":
                peak[name] = max(peak.get(name, 0), int(lines["VmHWM"].split()[0]) / 1024)
        except (OSError, KeyError):
            pass  # it ended in between


def turns(rounds, **steps):
    """Times each step by turns, so that what else the machine does falls on all; returns medians."""
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(step())
    return {name: statistics.median(of) for name, of in times.items()}


def commands(rounds, **steps):
    for step in steps.values():
        once(step)
    return turns(rounds, **{name: lambda step=step: once(step) for name, step in steps.items()})


def say(n, what, times, against, goal=""):
    own = times["tf"]
    peers = "   ".join(f"{name.replace('_', ' ')} {of:.1f} ms, {own / of:.2f}x" for name, of in times.items() if name != "tf")
    print(f"{n:5}  {what:18} {own:9.1f} ms   {peers}   {goal and f'goal {goal} of {against}'}", flush=True)


def definition(n):
    path = f"{HOME}/bench-{n}.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write("version = 1\n")
        for i in range(n):
            file.write(f'[[services]]\nname = "bench-{i:04}"\nstart_command = "true"\n'
                       f'start_schedule = "*-*-* 03:{i % 60:02}:00"\n')
    return path


def remove():
    weigh([TF, "remove", "bench-*", "--yes", "--quiet"])


def creation(n, path):
    """Creates n services in three ways of others and in ours, each on a manager that has none."""
    weigh([TF, "create", path])
    kept = f"{HOME}/kept"
    shutil.copytree(UNITS, kept, symlinks=True, ignore=shutil.ignore_patterns(".taskflows"))
    files = [name for name in os.listdir(kept) if name.startswith("taskflows-")]
    timers = sorted(name for name in files if name.endswith(".timer"))
    remove()

    def write():
        for name in files:
            shutil.copy(f"{kept}/{name}", f"{UNITS}/{name}")

    def timed(*steps):
        began = time.perf_counter()
        for step in steps:
            step()
        took = (time.perf_counter() - began) * 1000
        remove()
        return took

    def links():
        os.makedirs(f"{UNITS}/timers.target.wants", exist_ok=True)
        for name in timers:
            os.symlink(f"{UNITS}/{name}", f"{UNITS}/timers.target.wants/{name}")

    def systemctl(*arguments):
        return lambda: once([*SYSTEMCTL, *arguments])

    times = turns(
        3 if n > 100 else 5,
        tf=lambda: timed(lambda: once([TF, "create", path])),
        enable_now=lambda: timed(write, systemctl("enable", "--now", *timers)),
        each=lambda: timed(write, systemctl("daemon-reload"), systemctl("--no-reload", "enable", *timers),
                           systemctl("start", *timers)),
        links_and_target=lambda: timed(write, links, systemctl("daemon-reload"), systemctl("start", "timers.target")),
    )
    say(n, "tf create", times, "the fastest", "<= 1.3x")
    shutil.rmtree(kept)
    return times["tf"]


def execution():
    """What `tf exec` adds to a command, its record included: of the wall the median, of the CPU the mean."""
    def cpu(command, rounds=200):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(rounds):
            once(command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000 / rounds

    steps = {"tf": [TF, "exec", "--", "true"], "true": ["true"]}
    wall = commands(201, **steps)
    used = {name: cpu(step) for name, step in steps.items()}
    print(f"       tf exec -- true    wall {wall['tf'] - wall['true']:.1f} ms over true alone (goal <= 15), "
          f"cpu {used['tf'] - used['true']:.1f} ms (goal <= 5)", flush=True)


def main():
    print("    N  what                  time          beside it")
    grown = {}
    for n in SIZES:
        path = definition(n)
        grown.setdefault("tf create", []).append(creation(n, path))
        once([TF, "create", path])
        again = commands(9, tf=[TF, "create", path])
        print(f"{n:5}  unchanged          {again['tf']:9.1f} ms   goal < 300 ms, no write, no Reload")
        lists = commands(21, tf=[TF, "list"], list_units=[*SYSTEMCTL, "list-units", "taskflows-*"], bare_call=BUSCTL)
        say(n, "tf list", lists, "list-units", "<= 1.0x")
        status = commands(11, tf=[TF, "status"], minimal=[MINIMAL])
        say(n, "tf status", status, "minimal", "<= 2x")
        for verb in ("list", "status"):
            weigh([TF, verb])
        for name, times in (("unchanged", again), ("tf list", lists), ("tf status", status)):
            grown.setdefault(name, []).append(times["tf"])
        remove()
    say("", "tf --help", commands(41, tf=[TF, "--help"], systemctl_help=["systemctl", "--no-pager", "--help"]), "systemctl", "<= 1.0x")
    execution()
    print(f"\nsize of tf: {os.path.getsize(TF) / 1e6:.1f} MB (goal < 15)")
    print("peak memory: " + ", ".join(f"{name} {of:.1f} MiB" for name, of in sorted(peak.items())) + " (goal < 20)")
    if len(SIZES) > 1:
        step = SIZES[-1] / SIZES[0]
        print(f"growth from {SIZES[0]} to {SIZES[-1]} ({step:.0f} times): "
              + ", ".join(f"{name} {of[-1] / of[0]:.1f}x" for name, of in grown.items()))


main()
