#!/usr/bin/env bash
# Removes one guard of the product at a time, see guards/*.patch, and expects `./forge chaos` to find out: that a checker
# never complains says nothing unless it can.
#
#   src/it/check-guards.sh [--minutes M] [--seed S] [name…]     default 3 minutes, seed 42, all guards
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd -P)
minutes=3
seed=42
names=()
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=$2 && shift 2 ;;
        --seed) seed=$2 && shift 2 ;;
        --*) echo "usage: src/it/check-guards.sh [--minutes M] [--seed S] [name…]" >&2 && exit 2 ;;
        *) names+=("$1") && shift ;;
    esac
done
if [ ${#names[@]} -eq 0 ]; then
    for patch in "$root"/src/it/guards/*.patch; do
        names+=("$(basename "$patch" .patch)")
    done
fi

copy=$(mktemp -d)
running=''
clean() {
    [ -z "$running" ] || kill "$running" 2>/dev/null && wait "$running" 2>/dev/null || true
    rm -rf "$copy"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
(cd "$root" && tar -cf - --exclude=./target --exclude=./.git .) | tar -xf - -C "$copy"
# What a guard leaves behind is not used any more, and that is no error here.
printf '%s\n' "-Dwerror=-g" >"$copy/.mvn/maven.config"

missed=0
for name in "${names[@]}"; do
    patch=$root/src/it/guards/$name.patch
    (cd "$copy" && patch -s -p1 <"$patch")
    code=0
    "$copy/forge" chaos --minutes "$minutes" --seed "$seed" --json >"$copy/verdict" 2>"$copy/progress" &
    running=$!
    wait "$running" || code=$?
    running=''
    caught=$(sed -n 's/.*"checkers":{\([^}]*\)}.*/\1/p' "$copy/verdict" | sed 's/"//g; s/:/: /g; s/,/, /g')
    if [ "$code" -eq 1 ] && [ -n "$caught" ]; then
        echo "guards: $name removed: caught by $caught"
    else
        echo "guards: $name removed: NOT CAUGHT, exit code $code"
        tail -n 20 "$copy/progress"
        missed=$((missed + 1))
    fi
    (cd "$copy" && patch -s -R -p1 <"$patch")
done
echo "guards: $((${#names[@]} - missed)) of ${#names[@]} caught, $minutes min each, seed $seed"
[ "$missed" -eq 0 ]
