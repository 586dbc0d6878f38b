#!/usr/bin/env bash
# Fuzzes the parser and the framer of SIP, the proxy core, and the readers of PROXY protocol headers, DNS responses and
# zone files, SECONDS each (default 60), as `make fuzz` does:
#
#   [SEED=n] bash Tests/Fuzz/run.sh [SECONDS] [parser|framer|core|proxy|response|zone]
#
# With a SEED every run of the same code and corpus tries the same inputs in the same order; without one each run has its own.
#
# Exits with an error, naming the input, when one crashed, hung or took too much memory. To run that input again:
# SWIFT_BACKTRACE=enable=no .build-fuzz/release/FuzzParser FILE. What was found worth keeping between runs lies in .build-fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
targets=${2:-parser framer core proxy response zone}
seed=${SEED:-0}
out=$PWD/.build-fuzz

# The fuzzer's run time comes with the Swift toolchain, for the same compiler that counts the edges.
swiftc=$(readlink -f "$(command -v swiftc)")
library=$(find "$(dirname "$swiftc")/../lib/clang" -name "libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null |
    head -n 1 || true)
if [ -z "$library" ]; then
    echo "fuzz: the Swift toolchain at $swiftc holds no libclang_rt.fuzzer_no_main-$(uname -m).a" >&2
    exit 1
fi

echo "== fuzz: build"
swift build --package-path Tests/Fuzz --scratch-path "$out" -c release --sanitize=address \
    -Xlinker "$library" -Xlinker -lstdc++

failed=0
for target in $targets; do
    program=$out/release/Fuzz${target^}
    found=$out/found/$target
    crashes=$out/crashes/$target
    log=$out/$target.log
    mkdir -p "$found" "$crashes"
    echo "== fuzz: $target, $seconds seconds"
    # A short memory of what was freed: most of the time would go into that else.
    export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16:malloc_context_size=8
    # The torture messages and the example zones are read in place; only what they lack lies in the corpus.
    case $target in
    response | core | proxy) inputs=() ;;
    zone) inputs=(zones -dict=Tests/Fuzz/zone.dict) ;;
    *) inputs=(Tests/TestSupport/Vectors -dict=Tests/Fuzz/sip.dict) ;;
    esac
    if "$program" "$found" "Tests/Fuzz/corpus/$target" "${inputs[@]}" \
        -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=2048 -timeout=5 -seed="$seed" -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="$crashes/" >"$log" 2>&1; then
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
        echo "fuzz: $target held: $executions executions, at most $memory MB"
    else
        # The claim that does not hold, or what the sanitizer says, without the fuzzer's progress.
        grep -E 'Fatal error|ERROR|SUMMARY|^ +#[0-9]+ ' "$log" | head -n 20 >&2 || true
        input=$(sed -n 's/.*Test unit written to \(.*\)$/\1/p' "$log" | tail -n 1)
        echo "fuzz: $target FAILED on ${input:-an input that was not written; see $log}" >&2
        failed=1
    fi
done
exit "$failed"
