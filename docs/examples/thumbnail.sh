#!/bin/sh
# Makes thumbnails, as a worker in shell. Needs ImageMagick.
#
#     meshwork up --exec thumbnail="sh $PWD/thumbnail.sh"
#     echo "\"$(base64 < cat.jpg)\"" | tr -d '\n' | meshwork publish thumbnail - --wait
#
# The payload is a picture in base64, in quotes as JSON has it; the result is one, too: what is no
# JSON of its own becomes a text. Each run has an empty working folder, which is removed afterwards.
set -eu

tr -d '"' | base64 -d > picture
magick=$(command -v magick || command -v convert)
"$magick" picture -auto-orient -thumbnail 64x64 thumbnail.png
echo "made $(wc -c < thumbnail.png) bytes for task $MESHWORK_TASK_ID" >&2
base64 < thumbnail.png | tr -d '\n'
