"""Asks slack_sdk whether it takes the blocks of a message.

Reads one JSON array of blocks a line, and answers each with a line: "ok", or why the blocks are refused.
"""

import json
import sys

from slack_sdk.models.blocks import Block


def why_refused(blocks):
    parsed = Block.parse_all(blocks)
    for given, block in zip(blocks, parsed):
        if block is None:
            return "not a block: " + given.get("type", "")
        try:
            block.validate_json()
            if block.to_dict() != given:
                return "read otherwise than given: " + json.dumps(block.to_dict())
        except Exception as error:  # Each of its models raises errors of its own.
            return f"{given['type']}: {error}"
    return None


for line in sys.stdin:
    reason = why_refused(json.loads(line))
    print("ok" if reason is None else " ".join(reason.split())[:300])
