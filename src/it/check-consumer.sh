#!/usr/bin/env bash
# Compiles a modular program against the packaged library, outside Maven, and runs it on a real server:
#
#   src/it/check-consumer.sh <jdk-home> <library-jar> <jdbc-url> [--enable-preview]
#
# On the module path first, then on the class path. With the flag, on a JDK whose adapter is in the jar, the log must
# say that StructuredTaskScope is in use; without it, that it is not. PGJDBC names the driver's jar where it is not in
# the local Maven repository. Exit 0 only if every run did what it should.
set -euo pipefail

if [ $# -lt 3 ]; then
    sed -n '4p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
jdk=$1 library=$2 url=$3 flag=${4:-}

version=$(sed -n 's:.*<pgjdbc.version>\(.*\)</pgjdbc.version>.*:\1:p' "$here/../../pom.xml")
driver=${PGJDBC:-$HOME/.m2/repository/org/postgresql/postgresql/$version/postgresql-$version.jar}
for file in "$library" "$driver" "$jdk/bin/javac"; do
    [ -e "$file" ] || { echo "check-consumer: no such file: $file" >&2; exit 2; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Neither JSpecify nor picocli is in sight: a consumer must compile without them.
"$jdk/bin/javac" -Xlint:all -Werror -d "$work/classes" --module-path "$library:$driver" \
    $(find "$here/consumer" -name '*.java')

release=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$jdk/release")
adapter=META-INF/versions/$release/io/forgeloom/internal/concurrent/StructuredScope$release.class
expected='plain virtual threads'
if [ -n "$flag" ]; then
    if "$jdk/bin/jar" --list --file "$library" | grep -qx "$adapter"; then
        expected='StructuredTaskScope'
    else
        echo "check-consumer: $library has no adapter for JDK $release, so plain virtual threads are right"
    fi
fi

check() {
    local form=$1
    shift
    if ! "$jdk/bin/java" $flag "$@" "$url" >"$work/out" 2>&1; then
        cat "$work/out" >&2
        echo "check-consumer: failed on the $form" >&2
        exit 1
    fi
    cat "$work/out"
    grep -q "^consumer: .*$form" "$work/out" || { echo "check-consumer: it did not run on the $form" >&2; exit 1; }
    grep -q "$expected" "$work/out" || { echo "check-consumer: the log does not say: $expected" >&2; exit 1; }
}

check 'module path' --module-path "$work/classes:$library:$driver" --module com.example.consumer/com.example.consumer.Main
check 'class path' --class-path "$work/classes:$library:$driver" com.example.consumer.Main
echo "check-consumer: passed on JDK $release${flag:+ with $flag}: $expected"
