"""Runs a command on a terminal of its own and types at its prompts.

Arguments: the command. Standard input: JSON, a list of [what is waited for, what is typed]. Standard output: JSON with
what the terminal showed, whether it echoes afterwards, and the exit code.
"""

import json
import os
import pty
import select
import sys
import termios
import time

LIMIT = 30
steps = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])

shown = ""
until = time.monotonic() + LIMIT


def read():
    """Reads what there is; false where the terminal is closed, or nothing comes any more."""
    global shown
    if not select.select([terminal], [], [], max(until - time.monotonic(), 0))[0]:
        return False
    try:
        data = os.read(terminal, 4096)
    except OSError:
        return False
    shown += data.decode()
    return bool(data)


seen = 0
for awaited, typed in steps:
    while awaited not in shown[seen:] and read():
        pass
    seen = len(shown)
    # A prompt may stand there before the echo is off.
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < until:
        time.sleep(0.005)
    os.write(terminal, typed.encode())
while read():
    pass
echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
_, status = os.waitpid(pid, 0)
json.dump({"shown": shown, "echoes": echoes, "code": os.waitstatus_to_exitcode(status)}, sys.stdout)
