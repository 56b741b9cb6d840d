#!/usr/bin/env bash
# Builds the tracked files twice, in two folders of different names, and compares every jar and the SBOM byte for byte:
#
#   src/it/check-reproducible.sh
#
# With the JDK of JAVA_HOME for both, without tests. Prints one SHA-256 a file; exit 0 only if all of them are equal.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
    mkdir -p "$work/$1"
    (cd "$root" && git ls-files -z --cached | tar c --null -T -) | tar x -C "$work/$1"
    if ! (cd "$work/$1" && mvn -B -ntp package -Dmaven.test.skip=true -Dtest.pg17.skip=true -Dspotless.check.skip=true -Dmaven.javadoc.skip=true \
        -Derrorprone=-proc:none -Djacoco.skip=true >"$work/$1.log" 2>&1); then
        tail -n 40 "$work/$1.log" >&2
        echo "check-reproducible: the build in folder $1 failed" >&2
        exit 1
    fi
}

sums() {
    (cd "$work/$1/target" && sha256sum forgeloom-*.jar forgeloom-*-cyclonedx.json)
}

build first
sleep 2 # so that a time stamp shows, whose finest unit in a jar is two seconds
build second-of-another-name
sums first >"$work/first.sums"
sums second-of-another-name >"$work/second.sums"
cat "$work/first.sums"
if ! diff "$work/first.sums" "$work/second.sums"; then
    echo "check-reproducible: the builds differ" >&2
    exit 1
fi
[ "$(wc -l <"$work/first.sums")" -ge 4 ] || { echo "check-reproducible: a file is missing" >&2; exit 1; }
echo "check-reproducible: two builds, the same bytes of $(wc -l <"$work/first.sums") files"
