"""The line of `line.rs` written by Python's structlog, in lines per second of CPU time.

Run by hand: `python -m venv v && v/bin/pip install structlog orjson && v/bin/python structlog_peer.py`. Without the two
packages it says so, and ends well.
"""

import hashlib
import json
import logging
import socket
import sys
import time
from datetime import datetime, timezone

try:
    import orjson
    import structlog
except ImportError as error:
    print(f"skipped: {error.name} is not installed")
    sys.exit(0)

LINES = 50_000
ROUNDS = 3
TOP = {
    "timestamp", "timestamp_ns", "event", "event_fingerprint", "severity", "level_name", "logger",
    "app", "environment", "hostname", "team", "version", "request_id", "trace_id",
}
LABELS = {
    "app": "my-service", "environment": "production", "hostname": socket.gethostname(),
    "team": "platform", "version": "1.2.3",
}


def stamp(logger, method, fields):
    now = time.time_ns()
    moment = datetime.fromtimestamp(now / 1e9, timezone.utc)
    fields["timestamp"] = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields["timestamp_ns"] = now
    return fields


def label(logger, method, fields):
    fields.update(LABELS)
    fields["severity"], fields["level_name"], fields["logger"] = method.upper(), method, "my_module"
    return fields


def fingerprint(logger, method, fields):
    place = f"{fields['event']}|my_module|{fields.pop('filename')}|{fields.pop('func_name')}|{fields.pop('lineno')}"
    fields["event_fingerprint"] = hashlib.md5(place.encode()).hexdigest()[:8]
    return fields


def cut(value):
    if isinstance(value, str):
        return value if len(value) <= 1000 else value[:1000] + "... (truncated)"
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    return [cut(item) for item in value] if isinstance(value, list) else value


def organize(logger, method, fields):
    line = {key: value for key, value in fields.items() if key in TOP}
    line["context"] = {key: cut(value) for key, value in fields.items() if key not in TOP}
    return line


def call_site():
    parameter = structlog.processors.CallsiteParameter
    wanted = [parameter.FILENAME, parameter.FUNC_NAME, parameter.LINENO]
    return structlog.processors.CallsiteParameterAdder(wanted)


def same_line(renderer, factory):
    processors = [
        structlog.contextvars.merge_contextvars, stamp, label, call_site(), fingerprint, organize, renderer,
    ]
    configure(processors, factory)


def fast_line(factory):
    configure([structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
               structlog.processors.TimeStamper(fmt="iso", utc=True),
               structlog.processors.JSONRenderer(serializer=orjson.dumps)], factory)


def configure(processors, factory):
    structlog.configure(
        processors=processors, logger_factory=factory, cache_logger_on_first_use=False,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def report(name):
    logger = structlog.get_logger().bind()
    best = 0.0
    for _ in range(ROUNDS):
        before = time.process_time()
        for number in range(LINES):
            logger.info("order_processed", order_id=number, action="login", ip="192.168.1.1",
                        total_amount=99.99, is_new=True, duration_ms=12)
        best = max(best, LINES / (time.process_time() - before))
    print(f"{name:<44} {best:>12.0f} /s")


def main():
    structlog.contextvars.bind_contextvars(
        request_id="5f0c6a52-7c0b-4f0e-9a53-0d0e6c1f4b7a", trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        endpoint="/api/orders", method="POST")
    text, binary = open("/dev/null", "w", buffering=1), open("/dev/null", "wb", buffering=0)
    dumps = structlog.processors.JSONRenderer(serializer=lambda fields, **_: json.dumps(fields, ensure_ascii=False))
    same_line(dumps, structlog.WriteLoggerFactory(file=text))
    report("structlog, the same line, json")
    same_line(structlog.processors.JSONRenderer(serializer=orjson.dumps), structlog.BytesLoggerFactory(file=binary))
    report("structlog, the same line, orjson")
    fast_line(structlog.BytesLoggerFactory(file=binary))
    report("structlog, its own fast set-up, orjson")


if __name__ == "__main__":
    main()
