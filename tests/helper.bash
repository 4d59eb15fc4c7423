# What all Bats files share; `load helper` is their first line.
# SPDX-License-Identifier: MIT
#
#   $BIN   folder of the programs under test, first in PATH
#   $TOP   the project's top folder
#   $T     a scratch folder of the test's own
#   $DATA  folder of large test data ($PLUMBLINE_TEST_DATA, default ../shared), empty when absent
#   $CHECKER  asan, valgrind or empty: what watches the programs (time and memory are then no measure)

TOP=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
B=${B:-build}
case $B in /*) ;; *) B=$TOP/$B ;; esac
BIN=$B/bin
[ "$CHECKER" = valgrind ] && BIN=$B/valgrind
PATH=$BIN:$PATH
T=$BATS_TEST_TMPDIR
DATA=${PLUMBLINE_TEST_DATA:-$TOP/../shared}
[ -d "$DATA" ] || DATA=
export LC_ALL=C
unset PLUMBLINE_THREADS PLUMBLINE_CONFIG PLUMBLINE_TMPDIR NO_COLOR POSIXLY_CORRECT MAKEFLAGS MAKELEVEL MFLAGS

# fails STATUS MESSAGE COMMAND...: COMMAND exits with STATUS and says exactly MESSAGE on standard
# error.  What it wrote to standard output is left in $T/stdout.
fails() {
    local expected=$1 message=$2 status=0
    shift 2
    "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
    if [ "$status" != "$expected" ] || [ "$(cat "$T/stderr")" != "$message" ]; then
        echo "command:  $*"
        echo "expected: status $expected, $message"
        echo "got:      status $status, $(cat "$T/stderr")"
        return 1
    fi
}

# fails_like STATUS PATTERN COMMAND...: as fails, with a pattern of the shell for the message
fails_like() {
    local expected=$1 pattern=$2 status=0
    shift 2
    "$@" >"$T/stdout" 2>"$T/stderr" || status=$?
    [[ $status = "$expected" && $(cat "$T/stderr") == $pattern ]] && return
    echo "$*: status $status, $(cat "$T/stderr")"
    return 1
}

# says TEXT COMMAND...: COMMAND succeeds and prints exactly TEXT.
says() {
    local expected=$1 got
    shift
    got=$("$@") || { echo "status $?: $*"; return 1; }
    [ "$got" = "$expected" ] && return
    echo "command: $*"
    diff <(echo "$expected") <(echo "$got") || true
    return 1
}

# need_data FILE...: skips the test where the large test data are not there.
need_data() {
    local file
    [ -n "$DATA" ] || skip "no test data"
    for file in "$@"; do
        [ -e "$DATA/$file" ] || skip "no test data: $file"
    done
}

# long_under_valgrind: skips a test of figures that takes seconds of arithmetic, and valgrind an hour;
# asan runs it, and smaller tests take the same code through valgrind.
long_under_valgrind() {
    [ "$CHECKER" != valgrind ] || skip "too long under valgrind"
}

# need_terminal: skips the test where no pseudo-terminal can be made, as in a bare chroot.
need_terminal() {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || skip "no pseudo-terminal"
}

# on_terminal COMMAND: what COMMAND, a line for sh, shows on a terminal; its status is returned.
on_terminal() {
    local status=0
    script -qec "$1" /dev/null >"$T/terminal" 2>&1 </dev/null || status=$?
    tr -d '\r' <"$T/terminal"
    return $status
}
