# What the stream promises, asked of the tools: concatenation, private records, and that no damage
# passes for data.  (tests/unit/stream_damage.c asks the library, at every place of its samples.)
# SPDX-License-Identifier: MIT
load helper
load stream
bats_require_minimum_version 1.5.0

setup_file() {
    export MADE=$BATS_FILE_TMPDIR
    cd "$MADE"
    awk 'BEGIN { print "time,load,wind"
        for (i = 0; i < 40; i++)
            printf "2024-01-%02d %02d:00,%d,%d\n", i / 24 + 1, i % 24, 50 + i * 7919 % 13, i * 104729 % 97
    }' >series.csv
    awk 'BEGIN { print "time,load,wind"
        for (i = 0; i < 240; i++)
            printf "2024-01-%02d %02d:00,%d,%d\n", i / 24 + 1, i % 24, 50 + i * 7919 % 13, i * 104729 % 97
    }' >long.csv
    ts-import --no-history series.csv >solid.plumb
    cat series.csv | ts-import --no-history >live.plumb
    lin-train -q -L 12 -H 4 --split none long.csv >model.plumb
}

setup() {
    cd "$T"
    ln -s "$MADE"/* .
}

# Every tool that reads a series from standard input, ended by |.
readers() {
    echo 'ts-info --stats
ts-select
ts-select --order name --codec zlib
ts-diff - solid.plumb
ts-export -f csv
ts-plot -f term
lin-train -q -m linear -L 4 -H 2 --ridge 1 --split none
lin-forecast -q -n 2 model.plumb -
lin-eval -q model.plumb -'
}

# refuses FILE [NUMBER]: through a pipe the (first NUMBER) readers end with 3 or 4 and leave no
# output file; ts-check ends with 1.
refuses() {
    local command status=0 bad=
    ts-check -q "$1" >/dev/null 2>&1 || status=$?
    [ $status = 1 ] || bad="ts-check: $status; "
    while read -r command; do
        status=0
        cat "$1" | $command -o out >/dev/null 2>err || status=$?
        case $status in
        3 | 4) [ ! -e out ] || bad="$bad$command left a file; " ;;
        *) bad="$bad$command: $status; " ;;
        esac
        rm -f out
    done < <(readers | head -n "${2:-99}")
    [ -z "$bad" ] || { echo "$1: $bad"; return 1; }
}

@test "the readers take what is whole" {
    while read -r command; do
        $command -o out <solid.plumb || [ "${command#lin-}" != "$command" ]
        $command -o out <live.plumb || [ "${command#lin-}" != "$command" ] || [ "${command#ts-diff}" != "$command" ]
    done < <(readers)
}

@test "a stream cut anywhere is refused by every tool" {
    for name in solid live; do
        size=$(stat -L -c %s $name.plumb)
        for at in 0 63 64 100 $((size / 3)) $((size - 200)) $((size - 64)) $((size - 1)); do
            head -c $at $name.plumb | cat >cut.$name.$at
            refuses cut.$name.$at
        done
    done
}

@test "a bit flipped anywhere is noticed by every tool" {
    for name in solid live; do
        size=$(stat -L -c %s $name.plumb)
        for ((at = 5; at < size; at += size / 7)); do
            cp $name.plumb flipped
            byte=$(od -An -tu1 -j $at -N 1 flipped)
            printf "$(printf '\\x%02x' $((byte ^ 1 << at % 8)))" | dd of=flipped bs=1 seek=$at conv=notrunc 2>/dev/null
            cat flipped >flipped.$name.$at
            refuses flipped.$name.$at
        done
    done
}

# pieces FILE: cuts a stream into files p.0, p.1, ... of one record each.
pieces() {
    local from=0 i=0 next
    for next in $(grep -a -b -o '^--- !plumbline1 ' "$1" | cut -d: -f1 | tail -n +2) "$(stat -L -c %s "$1")"; do
        tail -c +$((from + 1)) "$1" | head -c $((next - from)) >p.$i
        from=$next
        i=$((i + 1))
    done
    PIECES=$i
}

@test "records dropped, doubled or swapped are noticed" {
    for name in solid live; do
        pieces $name.plumb
        for ((i = 0; i < PIECES; i++)); do
            {
                for ((k = 0; k < PIECES; k++)); do [ $k = $i ] || cat p.$k; done
            } >dropped.$name.$i
            {
                for ((k = 0; k < PIECES; k++)); do cat p.$k; [ $k != $i ] || cat p.$k; done
            } >doubled.$name.$i
            # An end record doubled is an empty segment that claims to hold something.
            refuses dropped.$name.$i 2
            refuses doubled.$name.$i 2
        done
        for ((i = 1; i + 1 < PIECES; i++)); do
            {
                for ((k = 0; k < PIECES; k++)); do
                    case $k in $i) cat p.$((i + 1)) ;; $((i + 1))) cat p.$i ;; *) cat p.$k ;; esac
                done
            } >swapped.$name.$i
            refuses swapped.$name.$i 2
        done
    done
}

@test "cat joins streams: each tool maps segments, takes them as operands, or refuses a second one" {
    cat solid.plumb live.plumb >both.plumb
    [ "$(cat solid.plumb live.plumb | ts-info --json | wc -l)" = 2 ]
    cat solid.plumb live.plumb | ts-select --no-history | cmp - both.plumb
    cat solid.plumb live.plumb | ts-check | grep -q '^standard input: ok, 2 segments, '
    cat solid.plumb live.plumb | ts-diff - both.plumb
    [ "$(cat solid.plumb live.plumb | ts-export -f csv | wc -l)" = 81 ] # rows below rows
    lin-train -q -L 12 -H 4 --stats channel --split none <(head -n 121 long.csv) >first.plumb
    lin-train -q -L 12 -H 4 --stats channel --split none <({ head -n 1 long.csv; tail -n +122 long.csv; }) >second.plumb
    cat first.plumb second.plumb | lin-merge -q --no-history - >a.plumb
    lin-merge -q --no-history first.plumb second.plumb | ts-diff - a.plumb
    for command in 'lin-train -q -L 4 -H 2 --split none' 'lin-forecast -q model.plumb -' 'lin-eval -q model.plumb -' 'ts-plot -f term'; do
        cat solid.plumb live.plumb | { run -3 $command; }
    done
}

# stranger FILE: the stream with private records before each record and a private key in each tensor.
stranger() {
    pieces "$1"
    STREAM=stranger.plumb
    : >stranger.plumb
    segment
    for ((i = 0; i < PIECES - 1; i++)); do
        [ $i = 0 ] || record "x_note: $i"
        [ $i = 0 ] || record 'x_blob: "any thing"' 'private\0000bytes'
        mapping=$(head -n 1 p.$i | grep -a -o '{.*}' | sed 's/^{//; s/}$//')
        case $mapping in
        tensor*bytes*) mapping=$(echo "$mapping" | sed 's/, bytes/, x_key: [1, 2], bytes/') ;;
        esac
        header "--- !plumbline1 {$mapping}"
        RECORDS=$((RECORDS + 1))
        case $mapping in
        *bytes:*)
            bytes=${mapping##*bytes: }
            stored=$(((bytes + 16 + 63) / 64 * 64))
            tail -c $stored p.$i >>stranger.plumb
            tail -c 9 p.$i | head -c 8 >>stranger.plumb.crcs
            SIZE=$((SIZE + stored))
            ;;
        esac
    done
    end
}

@test "private records and keys pass: every tool gives the same result with and without" {
    for name in solid live; do
        stranger $name.plumb
        ts-check -q stranger.plumb
        ts-select --no-history stranger.plumb | cmp - stranger.plumb
        cat stranger.plumb | ts-select --no-history | cmp - stranger.plumb
        [ "$(ts-select --no-history --order name stranger.plumb | grep -a -c '{x_')" = "$(grep -a -c '{x_' stranger.plumb)" ]
        ts-diff stranger.plumb $name.plumb
        for command in 'ts-export -f csv' 'ts-plot -f term' 'ts-info --stats' 'lin-forecast -q -n 2 --no-history model.plumb -'; do
            $command <stranger.plumb | sed '/^standard input/d' >with
            $command <$name.plumb | sed '/^standard input/d' >without
            cmp with without
        done
    done
}

@test "an unknown key or kind without x_ is refused by name" {
    start a.plumb
    record 'tensor: w, dtype: u8, shape: [1], codec: raw, order: 5' 1
    end
    fails 3 "ts-info: a.plumb: record 1 (tensor 'w') at byte 0: unknown key 'order' (written by a newer version?)" ts-info a.plumb
    start b.plumb
    record 'blob: w' 1
    end
    run -3 ts-info b.plumb
}
