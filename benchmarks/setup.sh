#!/usr/bin/env bash
# Times the installation of requirements.lock with checked hashes, on empty caches, by uv and by
# pip in turn: benchmarks/setup.sh [ROUNDS]. Needs a network and some 6 GB in the temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(PATH="$PATH:$PWD/.venv/bin" command -v uv)
for round in $(seq "${1:-1}"); do
  for installer in uv pip; do
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    python3 -m venv "$folder/venv"
    case $installer in
      uv) command=("$uv" pip install --python "$folder/venv/bin/python") ;;
      pip) command=("$folder/venv/bin/python" -m pip install) ;;
    esac
    began=$(date +%s)
    UV_CACHE_DIR=$folder/cache PIP_CACHE_DIR=$folder/cache \
      "${command[@]}" --quiet --require-hashes --requirement requirements.lock
    echo "round $round: $installer $(($(date +%s) - began)) s"
    rm -rf "$folder"
  done
done
