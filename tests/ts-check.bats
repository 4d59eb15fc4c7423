load helper
bats_require_minimum_version 1.5.0
# ts-check: verdicts, places of faults, and saving what is good.

setup() {
    cd "$T"
    ts-import --no-history "$TOP/data/co2.csv" -o good.plumb         # solid tensors
    ts-import --no-history - <"$TOP/data/co2.csv" >live.plumb        # chunked, by a pipe
    cat "$TOP/data/co2.csv" | ts-import --no-history >piped.plumb
}

# offset TEXT FILE: where it stands first
offset() {
    grep -a -b -o -m 1 -F -- "$1" "$2" | head -n 1 | cut -d: -f1
}

# poke FILE OFFSET BYTES
poke() {
    printf %b "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# without FROM SIZE FILE: the file with a hole cut out
without() {
    head -c "$1" "$3"
    tail -c +$(($1 + $2 + 1)) "$3"
}

@test "good files, one line each; several segments" {
    size=$(stat -c %s good.plumb)
    kib=$(awk "BEGIN { printf \"%.1f\", $size / 1024 }")
    tensors=$(grep -a -c '^--- !plumbline1 {tensor' good.plumb)
    says "good.plumb: ok, 1 segment, $tensors tensors, $kib KiB" ts-check good.plumb
    cat good.plumb good.plumb >two.plumb
    ts-check good.plumb two.plumb >out
    [ "$(sed -n 2p out)" = "two.plumb: ok, 2 segments, $((2 * tensors)) tensors, $(
        awk "BEGIN { printf \"%.1f\", $size / 512 }") KiB" ]
    says "standard input: ok, 1 segment, $tensors tensors, $kib KiB" ts-check <good.plumb
    says "standard input: ok, 1 segment, $tensors tensors, $kib KiB" sh -c 'cat good.plumb | ts-check -'
    says "good.plumb: ok, 1 segment, $tensors tensors, $kib KiB" ts-check --no-mmap good.plumb
}

@test "an empty segment is a stream" {
    printf -- '--- !plumbline1 {end: 0, size: 0, sum: x00000000}     #85383c19\n' >empty.plumb
    says "empty.plumb: ok, 1 segment, 0 tensors, 64 B" ts-check empty.plumb
}

@test "a bad payload: exit 1, its record, name and byte; the files behind it are checked" {
    at=$(offset '{tensor: values' good.plumb)
    record=$(grep -a '^--- !plumbline1' good.plumb | grep -n '{tensor: values' | cut -d: -f1)
    poke good.plumb $((at + 300)) '\0377'
    run -1 ts-check good.plumb piped.plumb
    [[ "${lines[0]}" =~ ^"good.plumb: record $record (tensor 'values') at byte $((at - 16)): payload CRC does not match (stored "[0-9a-f]{8}", computed "[0-9a-f]{8}\)$ ]]
    [[ "${lines[1]}" = "piped.plumb: ok, "* ]]
}

@test "a bad header: exit 1" {
    at=$(offset 'dtype: f64' good.plumb)
    poke good.plumb $((at + 8)) 3
    run -1 ts-check good.plumb
    [[ "$output" =~ "header CRC does not match" ]]
}

@test "cut off: exit 1" {
    head -c 1000 good.plumb >cut.plumb
    run -1 ts-check cut.plumb
    [[ "$output" =~ ^"cut.plumb: record "[0-9]+" at byte "[0-9]+": stream ended inside the payload"|^"cut.plumb: record "[0-9]+" (" ]]
    size=$(stat -c %s good.plumb)
    head -c $((size - 64)) good.plumb >cut.plumb
    run -1 ts-check cut.plumb
    [ "$output" = "cut.plumb: stream ended without an end record" ]
    : >cut.plumb
    run -1 ts-check cut.plumb
    [ "$output" = "cut.plumb: stream ended without an end record (empty input: did its writer fail?)" ]
}

@test "an error record is a fault, and its message is told" {
    printf -- '--- !plumbline1 {error: lin-train, status: 6, bytes: 19}' >failed
    printf 'diverged at step 41' >message
    # the header is 128 bytes: text, spaces up to byte 118, "#", CRC, newline
    crc() { gzip -c "$1" | tail -c 8 | head -c 4 | od -An -tx4 | tr -d ' '; }
    printf '%-118s' "$(cat failed)" >header
    { cat header; printf '#%s\n' "$(crc header)"
      cat message; head -c 29 /dev/zero; printf '\n# end %s\n' "$(crc message)"; } >failed.plumb
    [ "$(stat -c %s failed.plumb)" = 192 ]
    run -1 ts-check failed.plumb
    [ "$output" = "failed.plumb: upstream lin-train failed: diverged at step 41" ]
}

@test "not a stream, another version" {
    echo "some text" >text
    run -1 ts-check text
    [ "$output" = "text: not a tensor stream (ts-import reads other formats)" ]
    sed 's/plumbline1/plumbline2/' good.plumb >new.plumb
    run -1 ts-check new.plumb
    [ "$output" = "new.plumb: record 1 at byte 0: version 2 of the stream format (only version 1 is known here)" ]
}

@test "a file that cannot be read: exit 5, the others are checked" {
    run -5 --separate-stderr ts-check none good.plumb
    [ "$stderr" = "ts-check: cannot open 'none': No such file or directory" ]
    [[ "$output" = "good.plumb: ok, "* ]]
}

@test "a large stream takes little memory, from a file and by a pipe" {
    [ -z "$CHECKER" ] || skip "memory is no measure under $CHECKER"
    head -c 300000000 /dev/zero | ts-import -q --no-history -f raw --dtype u8 --shape 300000000 -o zeros.plumb
    # what it maps counts here as well: 300 MB of file, and nothing near as much beside it
    says "zeros.plumb: ok, 1 segment, 1 tensor, 286.1 MiB" \
        bash -c 'ulimit -v 400000; ts-check zeros.plumb'
    says "zeros.plumb: ok, 1 segment, 1 tensor, 286.1 MiB" \
        bash -c 'ulimit -v 100000; ts-check --no-mmap zeros.plumb'
    says "standard input: ok, 1 segment, 1 tensor, 286.1 MiB" \
        bash -c 'cat zeros.plumb | (ulimit -v 100000; ts-check)'
}

@test "--json" {
    run -0 ts-check --json good.plumb
    [[ "$output" =~ ^'{"file": "good.plumb", "ok": true, "segments": 1, "records": '[0-9]+', "tensors": '[0-9]+', "bytes": '[0-9]+'}'$ ]]
    poke good.plumb "$(offset 'dtype' good.plumb)" x
    run -1 ts-check --json good.plumb
    [[ "$output" =~ '"ok": false'.*'"status": 3, "error": "good.plumb: record '.*'"byte": ' ]]
}

@test "--recover of a good stream: the same bytes" {
    for file in good live piped; do
        ts-check --recover $file.plumb >again.plumb
        cmp $file.plumb again.plumb
        ts-check --recover -q <$file.plumb -o again.plumb
        cmp $file.plumb again.plumb
    done
}

@test "--recover: a bad record is left out, the others are kept" {
    at=$(offset '{tensor: time' good.plumb)
    poke good.plumb $((at + 200)) '\0377'
    run -1 --separate-stderr ts-check --recover good.plumb -o saved.plumb
    [[ "$stderr" =~ "bytes at byte $((at - 16)) are no good record" ]]
    run -0 ts-check saved.plumb
    [ "$(grep -a -c '{tensor: time' saved.plumb)" = 0 ]
    grep -a -q '{tensor: values' saved.plumb
}

@test "--recover: what was cut off is closed and ended" {
    size=$(stat -c %s piped.plumb)
    for cut in 64 128 500 2000; do
        head -c $((size - cut)) piped.plumb >cut.plumb
        run -1 --separate-stderr ts-check --recover cut.plumb -o saved.plumb
        [[ "$stderr" =~ "a segment has no end record" ]]
        run -0 ts-check saved.plumb
    done
}

@test "--recover: bytes lost in the middle, and rubbish between records" {
    at=$(offset '{tensor: values' good.plumb)
    without $((at + 100)) 77 good.plumb >hole.plumb
    run -1 --separate-stderr ts-check --recover hole.plumb -o saved.plumb
    run -0 ts-check saved.plumb
    grep -a -q '{tensor: time' saved.plumb
    { head -c $((at - 16)) good.plumb; echo rubbish; tail -c +$((at - 15)) good.plumb; } >more.plumb
    run -1 --separate-stderr ts-check --recover more.plumb -o saved.plumb
    [[ "$stderr" =~ "more.plumb: 8 bytes at byte $((at - 16)) are no good record" ]]
    cmp good.plumb saved.plumb
}

@test "--recover: a lost end record shows by a name that comes again" {
    cat good.plumb good.plumb >two.plumb
    at=$(offset '{end: ' two.plumb)
    without $((at - 16)) 64 two.plumb >one.plumb
    run -1 --separate-stderr ts-check --recover one.plumb -o saved.plumb
    [[ "$stderr" =~ "a segment has no end record" ]]
    cmp two.plumb saved.plumb
}

@test "--recover: nothing good, more than one file" {
    echo text >text
    fails 3 "ts-check: text: no good record of a tensor stream" ts-check --recover text -o saved.plumb
    [ ! -e saved.plumb ]
    fails 2 "ts-check: --recover takes one file at a time" ts-check --recover good.plumb live.plumb
    fails 2 "ts-check: --json has no effect with --recover" ts-check --recover --json good.plumb
}
