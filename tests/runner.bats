# tests/run: what has not run to its end has not passed.
# SPDX-License-Identifier: MIT
load helper

# program NAME LINE...: a program for tests/run
program() {
    printf '%s\n' '#!/bin/sh' "${@:2}" >"$T/$1"
    chmod +x "$T/$1"
}

# runs PROGRAM...: tests/run as a user calls it, one file at a time
runs() {
    (cd "$T" && CHECKER= TEST_JOBS=1 "$TOP/tests/run" "${@/#/$T/}" | tail -n 1)
    return "${PIPESTATUS[0]}"
}

@test "tests are counted, and a program that stops before its plan has failed" {
    program good 'echo 1..2' 'echo ok 1' 'echo "ok 2 # skip why"'
    program short 'echo 1..3' 'echo ok 1'
    [ "$(runs good)" = '1 passed, 0 failed, 1 skipped' ]
    [ "$(runs good short)" = '2 passed, 1 failed, 1 skipped' ]
}

@test "when the runner of a file is killed, that file and those behind it have failed" {
    program good 'echo 1..1' 'echo ok 1'
    program killer 'echo 1..1' 'kill -9 $PPID'
    program last 'echo 1..1' 'echo ok 1'
    [ "$(runs good killer last 2>/dev/null)" = '1 passed, 2 failed, 0 skipped' ]
}
