#!/bin/sh
# Tells the size and the SHA-256 of what it is given, as a worker in shell without anything else.
#
#     meshwork up --exec digest="sh $PWD/digest.sh"
#     meshwork publish digest @cat.jpg --raw --wait
#
# The payload comes on stdin, here as bytes; what is printed is JSON, so it is the result as a value.
# Each run has an empty working folder, which is removed afterwards.
set -eu

cat > payload
echo "attempt $MESHWORK_ATTEMPT of task $MESHWORK_TASK_ID" >&2
bytes=$(wc -c < payload)
sum=$(sha256sum payload | cut -d ' ' -f 1)
printf '{"bytes":%d,"sha256":"%s"}\n' "$bytes" "$sum"
