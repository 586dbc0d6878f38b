#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Signs signed.zone with a fresh key of its own: zones/src/sign.sh, in any directory.
# Needs ldns-keygen and ldns-signzone (Debian: ldnsutils). The private key is thrown away, since nothing is signed twice
# with it; the public one is the DNSKEY record of the result. The signatures last until 2046.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
key=$(ldns-keygen -a ECDSAP256SHA256 -k signed.example.test)
ldns-signzone -i 20260101000000 -e 20460101000000 -f signed.out "$here/signed.zone" "$key"
{
    echo "; Made by zones/src/sign.sh from zones/src/signed.zone; change that and sign anew. Signatures last until 2046."
    cat signed.out
} > "$here/../signed.zone"
