# ts-info: tables, statistics, JSON, documents.
# SPDX-License-Identifier: MIT
load helper
load stream
bats_require_minimum_version 1.5.0

setup() {
    cd "$T"
    ln -s "$TOP/data" data
}

# small.plumb: two solid tensors, a private record, a chunked tensor.
make_small() {
    start small.plumb
    record 'tensor: w, dtype: f32, shape: [2, 3], codec: raw' \
        '\0000\0000\0200\0077\0000\0000\0000\0300\0000\0000\0000\0077\0000\0000\0100\0100\0000\0000\0000\0000\0000\0000\0200\0276'
    record 'x_note: 7' abc
    record 'tensor: s, dtype: u8, shape: [], codec: raw' '\0005'
    record 'tensor: c, dtype: i8, shape: [~, 2]'
    record 'chunk: c, seq: 0, rows: 1, codec: raw' '\0001\0377'
    record 'chunk: c, seq: 1, rows: 2, codec: raw' '\0002\0000\0003\0000'
    record 'close: c, chunks: 2, rows: 3'
    end
}

@test "a table of tensors with sizes" {
    make_small
    says "small.plumb: tensors, 3 tensors of 31 B
TENSOR  DTYPE  SHAPE   CODEC          SIZE  STORED
w       f32    [2, 3]  raw            24 B    24 B
s       u8     []      raw             1 B     1 B
c       i8     [3, 2]  raw, 2 chunks   6 B     6 B" ts-info small.plumb
}

@test "a series tells its rows, channels, time and step" {
    ts-info data/seattle.csv >out
    [ "$(sed -n 2p out)" = "1461 rows, 4 channels, from 2012-01-01 to 2015-12-31, step 1 day" ]
    ts-import --id rider --value hires data/bike_daily.csv | ts-info | grep -q '^1462 rows, 1 channel, 2 series, from 2011-01-01 to 2012-12-31, step 1 day$'
    ts-import data/co2.csv | ts-info | grep -q '^2284 rows, 1 channel, from 1958-03-29 to 2001-12-29, step 7 days$'
}

@test "statistics, NaN and infinity apart" {
    printf 'x,y,z\n1,nan,5\n2,inf,\n3,-inf,5\n6,0,5\n' >a.csv
    printf 'v\n7\n' | ts-import | ts-info | grep -q '^1 row, 1 channel$'
    says "a.csv: series, 2 tensors of 101 B; documents: stream, series
4 rows, 3 channels
TENSOR        DTYPE  SHAPE   MIN  MAX  MEAN       SD  NAN  INF  ZERO
series.names  u8     [5]
values        f64    [4, 3]
  x                            1    6     3  1.87083    0    0     0
  y                            0    0     0        0    1    2     1
  z                            5    5     5        0    1    0     0" ts-info --stats a.csv
}

@test "statistics of any tensor, 64-bit integers in full" {
    make_small
    start i.plumb # 2^53 + 1 and 2^53 + 3
    record 'tensor: i, dtype: i64, shape: [2], codec: raw' \
        '\0001\0000\0000\0000\0000\0000\0040\0000\0003\0000\0000\0000\0000\0000\0040\0000'
    end
    ts-info --stats i.plumb | tail -n 1 >line
    read -r _ dtype shape min max mean sd nan inf zero <line
    [ "$dtype $shape $min $max" = "i64 [2] 9007199254740993 9007199254740995" ]
    [ "$mean $sd $nan $inf $zero" = "9.0072e+15 1 0 0 0" ]
    [ "$(ts-info --stats -n w -n c small.plumb | sed 1,2d | tr -s ' ')" = "w f32 [2, 3] -2 3 0.375 1.49826 0 0 1
c i8 [3, 2] -1 3 0.833333 1.34371 0 0 2" ]
}

@test "the same digits from a file, a pipe, solid and chunked" {
    ts-import --no-history data/beijing.csv >solid.plumb
    cat data/beijing.csv | ts-import --no-history >chunked.plumb
    ts-info --json --stats solid.plumb | sed 's/.*"tensors"//; s/"chunks": [0-9]*, //g' >a
    cat chunked.plumb | ts-info --json --stats | sed 's/.*"tensors"//; s/"chunks": [0-9]*, //g' >b
    [ "$(grep -o '"channels": .*' a)" = "$(grep -o '"channels": .*' b)" ]
    [ "$(grep -c '"mean"' a)" = 1 ]
}

@test "patterns choose tensors and channels" {
    make_small
    [ "$(ts-info -n '[ws]' small.plumb | sed 1,2d | cut -c 1)" = "w
s" ]
    [ "$(ts-info -n '!c' small.plumb | sed 1,2d | cut -c 1)" = "w
s" ]
    ts-info --stats -n 'temp_*' data/seattle.csv | sed 1,3d | awk '{ print $1 }' >names
    says "values
temp_max
temp_min" cat names
    fails 3 "ts-info: small.plumb: nothing is named 'q*'; there is 'w', 's', 'c'" ts-info -n 'q*' small.plumb
}

@test "JSON: one object a segment, documents and all" {
    make_small
    says '{"source": "small.plumb", "segment": 1, "kind": "tensors", "records": 7, "size": 1024, "sum": "x'"$(
        grep -a -o 'sum: x[0-9a-f]*' small.plumb | cut -c 7-)"'", "tensors": [{"name": "w", "dtype": "f32", "shape": [2, 3], "codec": "raw", "bytes": 24, "stored": 24}, {"name": "s", "dtype": "u8", "shape": [], "codec": "raw", "bytes": 1, "stored": 1}, {"name": "c", "dtype": "i8", "shape": [3, 2], "codec": "raw", "chunks": 2, "bytes": 6, "stored": 6}], "meta": {}}' \
        ts-info --json small.plumb
    ts-import data/co2.csv >a.plumb
    cat a.plumb small.plumb a.plumb | ts-info --json >out
    [ "$(wc -l <out)" = 3 ]
    sed -n 1p out | grep -q '"meta": {"stream": {"kind": "series"}, "series": {.*}, "history": \[{"tool": "ts-import"'
    sed -n 3p out | grep -q '"segment": 3, '
}

@test "documents as YAML, the history as a script" {
    ts-import data/co2.csv >a.plumb
    says "kind: series" ts-info --meta stream a.plumb
    ts-info --history a.plumb >script
    [ "$(tail -n 1 script)" = "ts-import data/co2.csv" ]
    sh script | cmp - a.plumb
    fails 3 "ts-info: a.plumb: no document is named 'model'; there is 'stream', 'series', 'history'" \
        ts-info --meta model a.plumb
    ts-import --no-history data/co2.csv >b.plumb
    fails 3 "ts-info: b.plumb: no document is named 'history'; there is 'stream', 'series'" ts-info --history b.plumb
    fails 2 "ts-info: only one of --json, --meta and --history" ts-info --json --history a.plumb
}

@test "names cannot drive the terminal" {
    start evil.plumb
    record 'meta: stream' 'kind: "a\\eb"'
    record 'tensor: "a\\\\b", dtype: u8, shape: [1], codec: raw' x
    end
    ts-info evil.plumb >out
    [ "$(head -n 1 out)" = "evil.plumb: a?b, 1 tensor of 1 B; documents: stream" ]
}

@test "bad and incomplete input" {
    make_small
    head -c 500 small.plumb >cut.plumb
    run -4 ts-info cut.plumb
    head -c $(($(stat -c %s small.plumb) - 64)) small.plumb >cut.plumb
    fails 4 "ts-info: cut.plumb: stream ended without an end record" ts-info cut.plumb
    : >empty
    run -4 ts-info <empty
    run -5 ts-info missing.plumb
    printf 'x\0y' >binary
    run -3 ts-info binary
}

@test "a header that claims more than is there costs nothing" {
    [ -z "$CHECKER" ] || skip "memory is no measure under $CHECKER"
    start huge.plumb
    record 'meta: stream' 'kind: series'
    record 'tensor: values, dtype: f64, shape: [~, 1000000000000000]'
    record 'close: values, chunks: 0, rows: 0'
    end
    (ulimit -v 400000 && ts-info --stats huge.plumb) | grep -q '^values '
}
