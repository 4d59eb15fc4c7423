# Pipelines of the stream tools: what goes in comes out, by whatever way.
# SPDX-License-Identifier: MIT
load helper
bats_require_minimum_version 1.5.0

setup() {
    cd "$T"
    ln -s "$TOP/data" data
    S=$DATA/data
}

@test "import, export and import again" {
    for file in data/*.csv; do
        ts-import --no-history "$file" >a.plumb
        ts-export -f csv a.plumb | ts-import --no-history | ts-diff a.plumb -
        ts-export -f csv a.plumb >a.csv
        ts-import --no-history a.csv | ts-export -f csv | cmp - a.csv
    done
    ts-import data/bike.csv.gz | ts-diff - <(gzip -dc data/bike.csv.gz)
}

@test "by way of every codec, order and cut into chunks" {
    for file in data/beijing.csv data/seattle.csv; do
        ts-import --no-history $file >a.plumb
        ts-select --codec shuffle-zlib a.plumb | ts-select --order size | ts-select --codec raw --order name |
            ts-select --codec zlib | ts-diff - a.plumb
        cat $file | ts-import | ts-select --codec zlib | ts-diff - a.plumb
    done
}

@test "renamed and renamed back, cut and put together" {
    ts-import --no-history data/seattle.csv >a.plumb
    ts-select --rename 'temp_*=t.*.x' --rename weather=sky a.plumb |
        ts-select --rename 't.*.x=temp_*' --rename sky=weather --no-history >b.plumb
    ts-diff a.plumb b.plumb
    ts-info --meta series b.plumb | cmp - <(ts-info --meta series a.plumb)
    { ts-export -f csv --no-history a.plumb 2>/dev/null || ts-export -f csv a.plumb; } >all.csv
    {
        ts-select --head 700 a.plumb | ts-export -f csv
        ts-select --rows 700: a.plumb | ts-export -f csv | tail -n +2
    } | cmp - all.csv
    paste -d, <(ts-select -n temp_max a.plumb | ts-export -f csv) \
        <(ts-select -n temp_min --drop time a.plumb | ts-export -f csv) >pasted.csv
    ts-select -n 'temp_*' a.plumb | ts-diff - pasted.csv
}

@test "casts there and back" {
    ts-select --cast f32 data/beijing.csv | ts-select --cast f64 | ts-diff --rtol 6e-8 - data/beijing.csv
    ts-select --cast bf16 data/elnino.csv | ts-select --cast f32 | ts-select --cast bf16 --no-history >a.plumb
    ts-select --cast bf16 data/elnino.csv | ts-diff - a.plumb
}

@test "tee, check and compare in one line" {
    ts-import data/co2.csv | tee w.plumb | ts-check -q
    ts-diff w.plumb data/co2.csv
    cat w.plumb w.plumb | ts-info --json >out
    [ "$(wc -l <out)" = 2 ]
    ts-info --history w.plumb | sh >again.plumb
    cmp w.plumb again.plumb
}

@test "the history of a pipeline makes its result again" {
    ts-import data/beijing.csv | ts-select -n 'T*' -n DEWP --head 500 | ts-select --cast f32 --codec zlib >a.plumb
    ts-info --history a.plumb >script
    sh script >b.plumb
    ts-diff a.plumb b.plumb
    [ "$(grep -c '^ts-' script)" -ge 1 ]
}

@test "a live series goes through row by row" {
    mkfifo in out
    ts-import <in 3>&- | ts-select -n load 3>&- | ts-select --cast f32 3>&- | ts-export -f csv >out 3>&- &
    exec 8>in 9<out
    { echo time,load,wind && for h in 00 01 02 03; do echo "2024-01-01 $h:00,1$h,5"; done; } >&8
    read -r -t 10 line <&9
    [ "$line" = time,load ]
    read -r -t 10 line <&9
    [ "$line" = "2024-01-01 00:00,100" ]
    for h in 01 02 03; do read -r -t 10 line <&9; done
    echo "2024-01-01 04:00,17,5" >&8
    read -r -t 10 line <&9
    [ "$line" = "2024-01-01 04:00,17" ]
    exec 8>&- 9<&-
    wait $! || true
}

@test "the commands of the manual: column of a gzipped file, with statistics" {
    need_data data/series/ETTh2.csv.gz
    ts-import "$S/series/ETTh2.csv.gz" | ts-select -n OT | ts-info --stats >out
    grep -q '^  OT ' out
    [ "$(grep -c '^  ' out)" = 1 ]
}

@test "safetensors through tee and check" {
    need_data data/formats/safetensors/mnist_cnn.safetensors
    ts-import "$S/formats/safetensors/mnist_cnn.safetensors" | tee w.plumb | ts-check -q && ts-diff w.plumb w.plumb
    ts-diff w.plumb "$S/formats/safetensors/mnist_cnn.safetensors"
    cat w.plumb w.plumb | ts-info --json >out
    [ "$(wc -l <out)" = 2 ]
    ts-export -f safetensors w.plumb | ts-diff - w.plumb
}

@test "raw tokens to NPY and back" {
    need_data data/models/stories260K/sample-valid.u16
    ts-import -f raw --dtype u16 --shape 64,512 "$S/models/stories260K/sample-valid.u16" | ts-export -f npy >v.npy
    [ "$(ts-info v.npy | awk '/u16/ { print $3, $4 }')" = "[64, 512]" ]
    tail -c 65536 v.npy | cmp - <(head -c 65536 "$S/models/stories260K/sample-valid.u16")
}

@test "no room for temporary files: exit 5, and the message names them" {
    ts-import -q data/bike.csv.gz -o bike.plumb
    mkdir full
    mount -t tmpfs -o size=64k none full 2>/dev/null || skip "mounting takes root"
    dd if=/dev/zero of=full/filler bs=4k 2>/dev/null || true
    local text='temporary file (set PLUMBLINE_TMPDIR)' reason='No space left on device'
    no_room() {
        export PLUMBLINE_TMPDIR=$PWD/full
        fails 5 "ts-export: $text: cannot write: $reason" \
            sh -c 'cat bike.plumb | ts-export -f npz >bike.npz' || return
        fails 5 "lin-train: $text: cannot write: $reason" \
            sh -c 'gzip -c bike.plumb | lin-train -q -L 24 -H 6 --missing gap >m.plumb' || return
        fails 5 "lin-train: cannot write '$text': $reason" \
            sh -c 'zcat data/bike.csv.gz | lin-train -q -L 24 -H 6 --missing gap >m.plumb' || return
        command -v gnuplot >/dev/null || return 0
        fails 5 "ts-plot: $text: cannot write: $reason" sh -c 'ts-plot -q -f svg bike.plumb >bike.svg'
    }
    no_room || { umount full; false; }
    umount full
}
