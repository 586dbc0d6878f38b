#!/usr/bin/env bash
# What calls through Brana cost on this machine, with Debian's tools: SIPp calls, through stunnel and TLS, a Brana that
# balances over three SIPp servers found by SRV records. Reports calls, failures, and processor time a call.
#
#   bash Benchmarks/calls.sh [RATE] [SECONDS]       (200 calls a second for 20 seconds unless said otherwise)
#
# Needs: make release; apt-get install sip-tester stunnel4 openssl. Everything listens on 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."

rate=${1:-200}
seconds=${2:-20}
brana=${BRANA_BINARY:-.build/release/brana}
[ -x "$brana" ] || { echo "calls: $brana is not there; run make release" >&2; exit 1; }
for tool in sipp stunnel openssl; do
    command -v "$tool" >/dev/null || { echo "calls: $tool is not installed; see the head of $0" >&2; exit 1; }
done
brana=$(readlink -f "$brana")
work=$(mktemp -d /tmp/brana-calls-XXXXXX)
started=()
finish() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap finish EXIT
cd "$work"

# launch NAME COMMAND…: starts it in the background, its output in NAME.log.
launch() {
    local name=$1
    shift
    "$@" >"$name.log" 2>&1 &
    started+=($!)
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout edge.key -out edge.pem \
    -subj /CN=edge.example.test -addext subjectAltName=DNS:edge.example.test 2>/dev/null

cat >pool.zone <<'ZONE'
$ORIGIN pool.example.test.
$TTL 60
@          IN SOA ns hostmaster ( 1 3600 600 86400 60 )
           IN NS ns
           IN NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp
_sip._tcp  IN SRV 10 60 24071 b1
           IN SRV 10 20 24072 b2
           IN SRV 10 20 24073 b3
ns         IN A 127.0.0.1
b1         IN A 127.0.0.1
b2         IN A 127.0.0.1
b3         IN A 127.0.0.1
ZONE
# SIPp's built-in caller sends its BYE without the route that it was given: affinity keeps its calls together.
cat >edge.yaml <<'YAML'
edge: { name: edge.example.test, workers: 1, drain_timeout: 2s }
listeners:
  - { name: public, address: "127.0.0.1:24061", transport: tls, tls: public, advertise: edge.example.test }
tls:
  public: { certificate: edge.pem, key: edge.key, verify: false }
resolver: { servers: ["127.0.0.1:24053"] }
pools:
  voice: { target: "sip:pool.example.test", affinity: call-id, allow_loopback: true, health: { probe: none } }
routes:
  - { pool: voice }
admin: { socket: admin.sock }
logging: { level: warning, request_line: "off" }
YAML
cat >stunnel.conf <<'CONF'
foreground = yes
pid =
[calls]
client = yes
accept = 127.0.0.1:24060
connect = 127.0.0.1:24061
sni = edge.example.test
verifyChain = yes
CAfile = edge.pem
checkHost = edge.example.test
CONF

for port in 24071 24072 24073; do
    launch "uas$port" sipp -sn uas -i 127.0.0.1 -p "$port" -t t1 -nostdin -max_socket 2048
done
launch zone "$brana" zone serve pool.zone --listen 127.0.0.1:24053
launch edge "$brana" run --config edge.yaml
edge=${started[-1]}
launch tls stunnel stunnel.conf
for _ in $(seq 100); do
    "$brana" status --socket admin.sock 2>/dev/null | grep -q 'b3' && break
    sleep 0.1
done

# Processor time of the edge so far, in ticks.
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$edge/stat"; }

echo "calls: $rate a second for $seconds seconds, TLS in, TCP out"
before=$(ticks)
status=0
sipp -sn uac 127.0.0.1:24060 -i 127.0.0.1 -t t1 -r "$rate" -m $((rate * seconds)) -d 0 -nostdin -timeout $((seconds + 30)) \
    -trace_stat -stf stat.csv -fd 1 >uac.log 2>&1 || status=$?
after=$(ticks)

read -r calls failed < <(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
    END { print $column["SuccessfulCall(C)"], $column["FailedCall(C)"] }' stat.csv)
hertz=$(getconf CLK_TCK)
"$brana" pools --socket admin.sock
awk -v calls="$calls" -v failed="$failed" -v ticks=$((after - before)) -v hertz="$hertz" 'BEGIN {
    printf "\ncalls: %d done, %d failed, %.0f µs of the edge'"'"'s processor time a call (7 messages)\n",
        calls, failed, (calls > 0 ? ticks / hertz * 1e6 / calls : 0) }'
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
