#!/usr/bin/env bash
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${QUARTERDECK_SERVERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck-servers}/iotdb-2.0.10-1"
case "${1:-}" in
  where) echo "$folder"; [ -d "$folder/lib" ];;
  *) exec "${PYTHON:-python3}" "$here/iotdb_cluster.py" "$@";;
esac
