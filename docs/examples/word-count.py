"""Counts words, as a worker in Python without any library.

    meshwork up --exec word-count="python3 $PWD/word-count.py"
    meshwork publish word-count '{"text": "to be or not to be"}' --wait

The payload comes on stdin, as JSON. What is printed is the result; lines on stderr are the task's
log. Any exit code but 0 is a failed attempt, which is tried again as the task's retries say.
"""

import collections
import json
import os
import sys

payload = json.load(sys.stdin)
text = payload.get("text") if isinstance(payload, dict) else None
if not isinstance(text, str):
    sys.exit('expected {"text": "…"}')

print(f"attempt {os.environ['MESHWORK_ATTEMPT']}", file=sys.stderr, flush=True)
counts = collections.Counter(text.lower().split())
print(json.dumps({"words": sum(counts.values()), "common": counts.most_common(3)}))
