# The man pages and the README: they are well-formed, refer to pages that exist, and every command
# that they show runs and succeeds.
# SPDX-License-Identifier: MIT
load helper

setup() {
    command -v mandoc >/dev/null || skip "no mandoc"
    mkdir "$T/top"
    ln -s "$TOP/data" "$T/top/data"
}

# A section of a page as the reader sees it, lines unbroken.
section() {
    mandoc -T ascii -O width=500 "$1" | sed "s/.$(printf '\b')//g" | sed -n "/^$2\$/,/^[A-Z]/p"
}

# The displayed lines (indented more than the text) of a section: a shell script.
commands() {
    section "$1" "$2" | sed -n 's/^       *//p'
}

# runs_all SCRIPT: every line of it in the scratch copy, which keeps what earlier scripts made.
runs_all() {
    (cd "$T/top" && sh -e -x "$1") >"$T/out" 2>"$T/err" </dev/null && return
    echo "failed: $1"
    tail -n 3 "$T/err"
    return 1
}

@test "pages are well-formed" {
    # Left out: generated lines are long, and other programs' pages need not be installed here.
    for page in "$TOP"/man/man*/*; do
        mandoc -T lint "$page"
    done 2>&1 | grep -v -e 'input text line longer' -e 'referenced manual not found' \
        -e 'outdated mandoc.db' >"$T/lint" || true
    cat "$T/lint"
    [ ! -s "$T/lint" ]
}

@test "every tool has a page, and every page of section 1 a tool" {
    diff <(cd "$TOP/tools" && ls -- *.c | sed 's/\.c$//') <(cd "$TOP/man/man1" && ls | sed 's/\.1$//')
}

@test "pages refer to pages that exist" {
    # The programs of others that the pages mention.
    others=" cat.1 cmp.1 cron.8 flock.1 gnuplot.1 grep.1 gzip.1 head.1 make.1 sh.1 strftime.3 tail.1 tee.1 xargs.1 "
    grep -h '^\.Xr' "$TOP"/man/man*/* | awk '{ print $2 "." $3 }' | sort -u | while read -r name; do
        case $others in *" $name "*) continue ;; esac
        [ -e "$TOP/man/man${name##*.}/$name" ] || echo "no such page: $name"
    done >"$T/missing"
    cat "$T/missing"
    [ ! -s "$T/missing" ]
}

@test "every page of section 1 has examples" {
    grep -L '^\.Sh EXAMPLES' "$TOP"/man/man1/* >"$T/without" || true
    cat "$T/without"
    [ ! -s "$T/without" ]
}

@test "the examples of all pages run" { # those of section 5 show bytes, not commands
    long_under_valgrind
    failed=
    for page in "$TOP"/man/man[17]/*; do
        name=$(basename "$page")
        commands "$page" EXAMPLES >"$T/$name.sh"
        runs_all "$T/$name.sh" || failed="$failed $name"
    done
    [ -z "$failed" ]
}

@test "the tutorial runs" {
    commands "$TOP/man/man7/plumbline.7" TUTORIAL >"$T/tutorial.sh"
    [ "$(wc -l <"$T/tutorial.sh")" -ge 10 ]
    runs_all "$T/tutorial.sh"
}

# Compares two texts word by word.  Numbers may differ by a hundredth of their size, since algebra
# kernels differ between processors in the last digits; checksums may differ, since a stream tells
# more with every version.
same_text() {
    awk 'function number(w) { return w ~ /^[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/ }
        function near(a, b) { d = a - b; s = (a < 0 ? -a : a) + 1e-9; return (d < 0 ? -d : d) <= 0.01 * s }
        { gsub(/[,|]/, " & "); gsub(/\(x[0-9a-f]+\)/, "(sum)") }
        NR == FNR { want[NR] = $0; n = NR; next }
        { k = split(want[FNR], w); bad = k != NF
          for (i = 1; i <= NF && !bad; i++)
              if ($i != w[i] && !(number($i) && number(w[i]) && near($i, w[i]))) bad = 1
          if (bad) { print "expected: " want[FNR]; print "got:      " $0; failed = 1 } }
        END { if (FNR != n) { print FNR " lines instead of " n; failed = 1 } exit failed }' "$1" "$2"
}

@test "the commands of the README print what it says" {
    cd "$T/top"
    # In blocks of type `console`, a line after "$ " is a command; what follows is its output.
    awk -v dir="$T" '/^```console/ { on = 1; next } /^```/ { on = 0 }
        !on { next }
        /^\$ / { n++; print substr($0, 3) > (dir "/readme" n ".sh"); printf "" > (dir "/readme" n ".want"); next }
        n { print > (dir "/readme" n ".want") }' "$TOP/README.md"
    [ -e "$T/readme3.sh" ]
    for script in "$T"/readme*.sh; do
        sh -e "$script" >"$T/got" 2>&1 </dev/null || { cat "$script" "$T/got"; return 1; }
        # The programs of a pipe may tell of a failure in any order.
        same_text <(sort "${script%.sh}.want") <(sort "$T/got") || { cat "$script"; return 1; }
    done
}

@test "the README and plumbline(7) list every tool" {
    for tool in "$TOP"/tools/*.c; do
        grep -q "^| \`$(basename "$tool" .c)\`" "$TOP/README.md" || echo "$tool"
        grep -q "^\.Xr $(basename "$tool" .c) 1" "$TOP/man/man7/plumbline.7" || echo "$tool"
    done >"$T/missing"
    cat "$T/missing"
    [ ! -s "$T/missing" ]
}
