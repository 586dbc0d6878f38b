#!/usr/bin/env bash
# Builds the simulator with optimisation and runs it, as `make simulate` does:
#
#   bash Tests/Simulate/run.sh [--seed N] [--seeds COUNT] [--hours H] [--trace]
#   bash Tests/Simulate/run.sh --damage COUNT
#
# Exits with an error when something did not hold: the seed, what went before, and how to run it again are printed.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=$PWD/.build-simulate
echo "== simulate: build"
swift build --package-path Tests/Simulate --scratch-path "$out" -c release 2>&1 | tail -n 1
echo "== simulate: run${*:+ $*}"
# Nothing may hang on the order of a hash table, least of all the replay of a seed.
SWIFT_DETERMINISTIC_HASHING=1 exec "$out/release/Simulate" "$@"
