#!/bin/sh
# Launches an asset over the API, follows what happens, and ends as the run did.
#
#   TIDEGATE_URL=http://localhost:3004 TIDEGATE_TOKEN=tdg_… examples/api/run-and-follow.sh ASSET
#
# Without TIDEGATE_TOKEN it asks as whoever is on this machine. Needs nothing but curl and sed.
set -eu
asset=${1:?the asset to launch}
url=${TIDEGATE_URL:-http://localhost:3004}/api/v1

ask() {
    curl --silent --show-error --fail-with-body ${TIDEGATE_TOKEN:+-H "Authorization: Bearer $TIDEGATE_TOKEN"} "$@"
}

# One key for the request, however often it has to be sent: a repeat is answered with the same run.
key=$(date +%s)-$$
launched=$(ask --retry 5 -X POST -H 'Content-Type: application/json' -H "Idempotency-Key: $key" -d '{}' \
    "$url/assets/$asset/materialize")
run=$(printf %s "$launched" | sed -n 's/.*"runs":\[{"id":"\([^"]*\)".*/\1/p')
echo "run $run"

# Ends when the run has.
ask --no-buffer -H 'Accept: text/event-stream' "$url/runs/$run/events" | sed -n 's/^event: //p'

state=$(ask "$url/runs/$run" | sed -n 's/.*"run":{"id":"[^"]*","state":"\([^"]*\)".*/\1/p')
echo "$state"
[ "$state" = succeeded ]
