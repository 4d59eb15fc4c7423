load helper
# What all tools do the same way: options, help, man pages, completion, configuration.

TOOLS=$(cd "$TOP" && for source in tools/*.c; do basename "$source" .c; done)

# each FUNCTION: runs it for every tool and names those for which it fails.
each() {
    local tool bad=
    for tool in $TOOLS; do
        "$1" "$tool" || bad="$bad $tool"
    done
    [ -z "$bad" ] || { echo "failed for:$bad"; return 1; }
}

@test "every tool was built" {
    each_built() { [ -x "$BIN/$1" ]; }
    [ -n "$TOOLS" ]
    each each_built
}

@test "--help: on standard output, with usage, options and the same summary as the man page" {
    help() {
        "$1" --help >"$T/help" 2>"$T/stderr" </dev/null && [ ! -s "$T/stderr" ] || return
        [ "$("$1" -h)" = "$(cat "$T/help")" ] || return
        grep -q "^usage: $1 \[options\]" "$T/help" || return
        grep -q '^  -h, --help' "$T/help" || return
        summary=$(sed -n "1s/^$1 - //p" "$T/help")
        [ -n "$summary" ] || { echo "$1: no summary"; return 1; }
        grep -qxF ".Nd $summary" "$TOP/man/man1/$1.1" ||
            { echo "$1.1: .Nd is not '$summary'"; return 1; }
        if sed '/^examples:/,$d' "$T/help" | awk 'length > 100' | grep .; then return 1; fi
    }
    each help
}

@test "--help goes before everything else that may be wrong" {
    help() { PLUMBLINE_CONFIG=/nonexistent "$1" --help extra operands -s x=1 -o "" >/dev/null; }
    each help
}

@test "--version, with -v the libraries" {
    version() {
        says "$1 (plumbline) 0.1.0" "$1" --version || return
        says "$1 (plumbline) 0.1.0" "$1" -V || return
        "$1" -Vv | grep -q '^zlib 1' && "$1" -v --version | grep -q '^libyaml 0' &&
            "$1" -Vv | grep -q '^libpng 1'
    }
    each version
}

@test "--help and --version on a full device: exit 5" {
    full() {
        fails 5 "$1: cannot write standard output: No space left on device" \
            sh -c "$1 --help >/dev/full" || return
        fails 5 "$1: cannot write standard output: No space left on device" \
            sh -c "$1 --version >/dev/full"
    }
    each full
}

@test "unknown and incomplete options: exit 2 and one line" {
    unknown() {
        fails 2 "$1: unknown option '--frob' (see $1 --help)" "$1" --frob || return
        fails 2 "$1: unknown option '--frob' (see $1 --help)" "$1" --frob=3 || return
        fails 2 "$1: unknown option '-?' (see $1 --help)" "$1" '-?' || return
        fails 2 "$1: option '-o' needs a value" "$1" -o || return
        fails 2 "$1: option '--config' needs a value" "$1" --config || return
        fails 2 "$1: option '--quiet' takes no value" "$1" --quiet=1 || return
        fails 2 "$1: --output '': must not be empty" "$1" -o ''
    }
    each unknown
}

# options TOOL TYPE: the long names of its options of that type
options() {
    "$1" --print-options table | awk -F '\t' -v type="$2" '$3 ~ "^(" type ")$" { print $1 }'
}

@test "junk numbers are refused by name: no blanks, no overflow, no nan, no decimal comma" {
    junk() {
        local option value status bad=0
        for option in $(options "$1" 'int|real|size'); do
            for value in 4x '' ' 1' 1e999 nan 1,5 99999999999999999999999x; do
                status=0
                "$1" "--$option" "$value" >"$T/stdout" 2>"$T/stderr" </dev/null || status=$?
                [ "$status" = 2 ] && [ ! -s "$T/stdout" ] && [ "$(wc -l <"$T/stderr")" = 1 ] &&
                    grep -qF -- "$1: --$option '$value': not a" "$T/stderr" && continue
                echo "$1 --$option '$value': $(cat "$T/stderr")"
                bad=1
            done
        done
        return $bad
    }
    each junk
}

@test "-j 4x, --seed '', \$PLUMBLINE_THREADS: the exact messages" {
    threads() {
        "$1" --print-options table | grep -q '^threads' || return 0
        fails 2 "$1: --threads '4x': not an integer" "$1" -j 4x || return
        fails 2 "$1: --threads 0: must be between 1 and 1024" "$1" -j 0 || return
        fails 2 "$1: \$PLUMBLINE_THREADS '4x': not an integer" env PLUMBLINE_THREADS=4x "$1"
    }
    seed() {
        "$1" --print-options table | grep -q '^seed' || return 0
        fails 2 "$1: --seed '': not an integer" "$1" --seed ''
    }
    each threads
    each seed
}

@test "wrong words and empty texts are refused" {
    words() {
        local option
        for option in $(options "$1" choice); do
            "$1" "--$option" no-such-word 2>"$T/stderr" </dev/null && return 1
            grep -q "^$1: --$option 'no-such-word': must be one of " "$T/stderr" || return
        done
        for option in $(options "$1" 'text|list'); do
            [ "$option" = config ] || [ "$option" = set ] && continue
            fails 2 "$1: --$option '': must not be empty" "$1" "--$option" '' || return
        done
    }
    each words
}

@test "an option that has no effect in a tool is refused and not helped" {
    unused() {
        local option
        for option in output threads seed memory lock history quiet explain; do
            "$1" --print-options table | grep -q "^$option	" && continue
            ! "$1" --help | grep -E "^ .*--(no-)?$option( |\$)" || return 1
            case $option in
            history) fails 2 "$1: --no-history has no effect here" "$1" --no-history ;;
            quiet | explain) fails 2 "$1: --$option has no effect here" "$1" "--$option" ;;
            *) fails 2 "$1: --$option has no effect here" "$1" "--$option" 1 ;;
            esac || return
        done
    }
    each unused
}

@test "no letter and no name twice in one tool" {
    twice() {
        ! "$1" --print-options table | cut -f 1 | sort | uniq -d | grep . || return 1
        ! "$1" --print-options table | cut -f 2 | grep -v -e - | sort | uniq -d | grep . || return 1
    }
    each twice
}

@test "--print-config: every key is known, none is missing, and it reads back the same" {
    config() {
        "$1" --print-config >"$T/config.yaml" || return
        "$1" --config "$T/config.yaml" --print-config | diff "$T/config.yaml" - || return
        PLUMBLINE_CONFIG=$T/config.yaml "$1" --print-config | diff "$T/config.yaml" - || return
        "$1" --print-options keys | sort >"$T/keys"
        "$1" --print-options table | awk -F '\t' '$4 == "key" { print $1 }' | sort |
            diff "$T/keys" - || return
        # without a value there is no line; with one there is, unless it means nothing to what the
        # tool does by default
        "$1" --print-options table |
            awk -F '\t' '$4 == "key" && ($5 != "" || $3 == "flag") { print $1 "\t" $5 }' | sort >"$T/valued"
        sed -n 's/^\([a-z0-9-]*\):.*/\1/p' "$T/config.yaml" | sort >"$T/lines"
        join -t $'\t' -v 1 "$T/valued" "$T/lines" | while IFS=$'\t' read -r option value; do
            [ "$value" != no ] || value=
            "$1" "--$option" ${value:+"$value"} 2>&1 </dev/null | grep -q ": --$option is not for " || exit 1
        done || return
        cut -f 1 "$T/valued" | sort -o "$T/valued"
        comm -13 "$T/valued" "$T/lines" | { ! grep .; }
    }
    each config
}

@test "--print-config: text that a configuration cannot hold is refused" {
    fails 2 'lin-generate: --prompt: not UTF-8, which a configuration file cannot hold' \
        lin-generate --prompt "$(printf 'a\377b')" --print-config
    [ ! -s "$T/stdout" ]
    lin-generate --prompt "$(printf 'caf\303\251\n\t\1"')" --print-config >"$T/config.yaml"
    lin-generate -c "$T/config.yaml" --print-config | cmp - "$T/config.yaml"
}

@test "--seed: up to the largest number there is" {
    lin-task --seed 9223372036854775807 --no-history copy --rows 1 | ts-check -q -
    fails 2 'lin-task: --seed 9223372036854775808: too large' lin-task --seed 9223372036854775808 copy
    fails 2 'ts-import: --skip 9100000000000000000: too large' ts-import --skip 9100000000000000000 x
    fails 2 'lin-task: --seed -1: must be at least 0' lin-task --seed -1 copy
}

@test "an unknown configuration key is named with its line and column" {
    unknown() {
        printf 'quiet: true\n%s: {frobnicate: 1}\n' "$1" >"$T/config.yaml"
        local at=$((${#1} + 4)) # behind "NAME: {"
        "$1" --print-options keys | grep -q '^quiet$' || return 0
        fails 2 "$1: $T/config.yaml:2:$at: unknown key 'frobnicate'" "$1" -c "$T/config.yaml" || return
        fails 2 "$1: --set 'frobnicate=1': unknown key 'frobnicate'" "$1" -s frobnicate=1 || return
        fails 5 "$1: cannot open '$T/none': No such file or directory" "$1" -c "$T/none"
    }
    each unknown
}

@test "one configuration file serves several tools: sections, and keys that some do not use" {
    printf 'quiet: true\nthreads: 2\nseed: 5\n' >"$T/config.yaml"
    for tool in $TOOLS; do
        printf '%s:\n  quiet: false\n' "$tool" >>"$T/config.yaml"
    done
    sections() {
        "$1" -c "$T/config.yaml" --print-config >"$T/out" || return
        ! "$1" --print-options keys | grep -q '^quiet$' || grep -q '^quiet: false$' "$T/out" || return 1
        ! "$1" --print-options keys | grep -q '^threads$' || grep -q '^threads: 2$' "$T/out" || return 1
        "$1" -c "$T/config.yaml" -q --print-config | grep -q '^quiet: true$'
    }
    each sections
}

@test "man pages: the OPTIONS are those of the tool (else: make man-options)" {
    page() {
        [ "$(grep -c -E '^\.\\" (begin|end) options$' "$TOP/man/man1/$1.1")" = 2 ] || return
        B=$B "$TOP/man/options" --print "$TOP/man/man1/$1.1" | diff "$TOP/man/man1/$1.1" -
    }
    each page
}

@test "man pages: the models are those of the table (else: make man-options)" {
    B=$B "$TOP/man/options" --print "$TOP/man/man7/plumbline-models.7" |
        diff "$TOP/man/man7/plumbline-models.7" -
    lin-train --list-models | sed -n 's/^\([a-z][^:]*\): .*/\1/p' >"$T/listed"
    sed -n 's/^\.Ss //p' "$TOP/man/man7/plumbline-models.7" | diff "$T/listed" -
}

@test "man pages: the sections, in order" {
    page() {
        local expected='NAME SYNOPSIS DESCRIPTION OPTIONS EXIT STATUS EXAMPLES SEE ALSO '
        # EXIT STATUS may be left to plumbline(7)
        grep -q '^\.Sh EXIT STATUS' "$TOP/man/man1/$1.1" ||
            { grep -q '^\.Xr plumbline 7' "$TOP/man/man1/$1.1" && expected=${expected/EXIT STATUS /}; }
        sed -n 's/^\.Sh //p' "$TOP/man/man1/$1.1" | grep -E "^(${expected// /|}EXIT STATUS|SEE ALSO)$" |
            tr '\n' ' ' | diff - <(printf '%s' "$expected")
    }
    each page
}

@test "--help: its examples run as they stand" {
    long_under_valgrind
    run_examples() {
        local place=$T/help-$1
        mkdir -p "$place" && ln -sfn "$TOP/data" "$place/data" || return
        "$1" --help | sed -n '/^examples:/,/^see also:/p' | sed -n 's/^  \([^#]\)/\1/p' >"$place/.lines"
        (cd "$place" && sh -e .lines >.out 2>.err </dev/null) ||
            { echo "$1 --help: status $?"; cat "$place/.lines" "$place/.err"; return 1; }
    }
    each run_examples
}

@test "completion: valid bash that completes options, choices and files" {
    completion() {
        "$1" --print-options bash >"$T/completion" && bash -n "$T/completion" || return
        bash -c '. "$1"
            complete -p "$2" >/dev/null || exit
            function=$(complete -p "$2" | sed "s/.*-F \([^ ]*\) .*/\1/")
            COMP_WORDS=("$2" --hel) COMP_CWORD=1
            "$function"
            [ "${COMPREPLY[*]}" = --help ]' - "$T/completion" "$1"
    }
    each completion
}

@test "too many operands" {
    many() {
        case $("$1" --help | sed -n 's/^usage: //p') in *...*) return 0 ;; esac
        "$1" a b c d e f g 2>"$T/stderr" && return 1
        grep -q "^$1: too many operands, from '.' on (see $1 --help)$" "$T/stderr"
    }
    each many
}

@test "a terminal on standard input and no operand: the usage, exit 2" {
    need_terminal
    terminal() {
        local status=0
        case $("$1" --help | sed -n 's/^usage: [^ ]* .options.//p') in ' '*) ;; *) return 0 ;; esac
        script -qec "$1" /dev/null >"$T/out" 2>&1 </dev/null || status=$?
        [ $status = 2 ] && grep -q -E '^(usage: |.*too few operands)' "$T/out" && return
        echo "$1: status $status: $(cat "$T/out")"
        return 1
    }
    each terminal
}
