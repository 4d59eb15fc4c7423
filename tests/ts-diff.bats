# ts-diff: equality by value, largest differences, tolerances, segments.
# SPDX-License-Identifier: MIT
load helper
load stream
bats_require_minimum_version 1.5.0

setup() {
    cd "$T"
    ln -s "$TOP/data" data
}

# csv FILE NUMBER...: a column of them
csv() {
    local file=$1
    shift
    printf '%s\n' x "$@" >"$file"
}

@test "equal: nothing is said, exit 0; -v lists all" {
    csv a.csv 1 2 3
    ts-import a.csv >a.plumb
    says "" ts-diff a.csv a.plumb
    says "TENSOR        A AND B  UNEQUAL  NAN  ABSOLUTE  AT  RELATIVE  AT  ULP  AT
series.names  equal     0 of 1    0         0             0        0
values        equal     0 of 3    0         0             0        0" ts-diff -v a.csv a.plumb
    says '{"segment": 1, "equal": true, "compared": 2, "tensors": []}' ts-diff --json a.csv a.plumb
}

@test "the largest differences and their places" {
    csv a.csv 1 2 nan 100 5
    csv b.csv 1 2.5 3 101 5.0000001
    run -1 ts-diff a.csv b.csv
    [ "$output" = "TENSOR  A AND B  UNEQUAL  NAN  ABSOLUTE  AT      RELATIVE  AT                   ULP  AT
values  differs   4 of 5    1         1  [3, 0]       0.2  [1, 0]  1125899906842624  [1, 0]" ]
    run -1 ts-diff --json a.csv b.csv
    [ "$output" = '{"segment": 1, "equal": false, "compared": 2, "tensors": [{"name": "values", "state": "differs", "a": {"dtype": "f64", "shape": [5, 1]}, "b": {"dtype": "f64", "shape": [5, 1]}, "count": 5, "unequal": 4, "outside": 4, "nan": 1, "nan_at": [2, 0], "absolute": 1, "absolute_at": [3, 0], "relative": 0.2, "relative_at": [1, 0], "ulp": 1125899906842624, "ulp_at": [1, 0]}]}' ]
    run -1 ts-diff -q a.csv b.csv
    [ -z "$output" ]
}

@test "tolerances: at most ATOL + RTOL |b|" {
    csv a.csv 1 2 100
    csv b.csv 1 2.5 101
    ts-diff --atol 1 a.csv b.csv
    run -1 ts-diff --atol 0.99 a.csv b.csv
    ts-diff --rtol 0.2 a.csv b.csv
    run -1 ts-diff --rtol 0.19 a.csv b.csv
    ts-diff --rtol 0.1 --atol 0.25 a.csv b.csv
    [ "$(ts-diff -v --atol 1 a.csv b.csv | awk 'NR == 3 { print $2 }')" = close ]
    fails 2 "ts-diff: --rtol -1: must be at least 0" ts-diff --rtol -1 a.csv b.csv
}

@test "NaN equals NaN, infinity itself, and nothing else does" {
    csv a.csv nan inf -inf 0
    csv b.csv nan inf -inf -0
    ts-diff a.csv b.csv
    csv c.csv nan inf -inf 1e300
    csv d.csv nan inf 5 1e300
    run -1 ts-diff --rtol 1e300 --atol 1e300 d.csv c.csv
    run -1 ts-diff --rtol 1e300 c.csv d.csv
    csv e.csv 1 inf -inf 0
    run -1 ts-diff --atol 1e300 a.csv e.csv
}

@test "names, dtypes and shapes; the order of tensors does not matter" {
    start a.plumb
    record 'tensor: x, dtype: u8, shape: [2], codec: raw' ab
    record 'tensor: q, dtype: u8, shape: [1], codec: raw' c
    record 'tensor: z, dtype: u8, shape: [2], codec: raw' de
    record 'tensor: only, dtype: u8, shape: [1], codec: raw' f
    record 'tensor: rws.undo.x, dtype: u8, shape: [1], codec: raw' 1
    end
    start b.plumb
    record 'tensor: z, dtype: u8, shape: [2], codec: raw' de
    record 'tensor: q, dtype: i8, shape: [1], codec: raw' c
    record 'tensor: x, dtype: u8, shape: [1, 2], codec: raw' ab
    record 'tensor: other, dtype: u8, shape: [1], codec: raw' g
    end
    run -1 ts-diff a.plumb b.plumb
    [ "$output" = "TENSOR  A AND B            UNEQUAL  NAN  ABSOLUTE  AT  RELATIVE  AT  ULP  AT
x       shape [2], [1, 2]
q       dtype u8, i8
only    only in A
other   only in B" ]
    ts-diff --ignore '[xq]' --ignore o* a.plumb b.plumb
    [ "$(ts-diff --json a.plumb b.plumb | grep -o '"state": "[a-z_]*"' | tr -d '\n')" = \
        '"state": "shape""state": "dtype""state": "only_a""state": "only_b"' ]
}

@test "integers are exact beyond 2^53" {
    start a.plumb
    record 'tensor: i, dtype: i64, shape: [1, 2], codec: raw' \
        '\0001\0000\0000\0000\0000\0000\0040\0000\0377\0377\0377\0377\0377\0377\0377\0177'
    end
    start b.plumb
    record 'tensor: i, dtype: i64, shape: [1, 2], codec: raw' \
        '\0000\0000\0000\0000\0000\0000\0040\0000\0000\0000\0000\0000\0000\0000\0000\0200'
    end
    run -1 ts-diff a.plumb b.plumb
    [ "${lines[1]}" = "i       differs   2 of 2    0  18446744073709551615  [0, 1]         2  [0, 1]  18446744073709551615  [0, 1]" ]
    run -1 ts-diff --atol 1e18 a.plumb b.plumb
}

@test "chunked and solid, raw and compressed are equal" {
    cat data/beijing.csv | ts-import >chunked.plumb
    ts-diff chunked.plumb data/beijing.csv
    ts-select --codec shuffle-zlib data/beijing.csv | ts-diff chunked.plumb -
    ts-select --codec zlib chunked.plumb | ts-diff - data/beijing.csv
    # chunks of two tensors in turn
    start a.plumb
    record 'tensor: x, dtype: u8, shape: [~]'
    record 'tensor: q, dtype: u8, shape: [4]'
    record 'chunk: x, seq: 0, rows: 2, codec: raw' ab
    record 'chunk: q, seq: 0, rows: 1, codec: raw' 1
    record 'chunk: x, seq: 1, rows: 1, codec: raw' c
    record 'chunk: q, seq: 1, rows: 3, codec: raw' 234
    record 'close: q, chunks: 2, rows: 4'
    record 'close: x, chunks: 2, rows: 3'
    end
    start b.plumb
    record 'tensor: q, dtype: u8, shape: [4], codec: raw' 1234
    record 'tensor: x, dtype: u8, shape: [3], codec: raw' abc
    end
    ts-diff a.plumb b.plumb
    ts-diff - b.plumb <a.plumb
    cat a.plumb | ts-diff b.plumb -
}

@test "segments are compared one by one" {
    csv a.csv 1 2
    csv b.csv 1 3
    ts-import a.csv >a.plumb
    ts-import b.csv >b.plumb
    cat a.plumb b.plumb >ab.plumb
    cat a.plumb b.plumb | ts-diff - ab.plumb
    cat b.plumb a.plumb | { run -1 ts-diff --json - ab.plumb; [ "$(echo "$output" | grep -c '"equal": false')" = 2 ]; }
    run -1 ts-diff ab.plumb a.plumb
    [ "$output" = "segment 2: only in A" ]
    run -1 ts-diff --json a.plumb ab.plumb
    [ "${lines[1]}" = '{"segment": 2, "equal": false, "only": "b"}' ]
}

@test "damage, cuts and failed writers are no difference" {
    ts-import --no-history data/co2.csv >a.plumb
    head -c 3000 a.plumb | { run -4 ts-diff - a.plumb; }
    cp a.plumb bad.plumb
    printf '\377' | dd of=bad.plumb bs=1 seek=9000 conv=notrunc 2>/dev/null
    run -3 ts-diff a.plumb bad.plumb
    run -3 ts-diff bad.plumb a.plumb
    run -3 ts-diff - a.plumb < <(cat bad.plumb)
    start failed.plumb
    record 'error: lin-train, status: 6' 'diverged at step 41'
    fails 4 "ts-diff: upstream lin-train failed: diverged at step 41" ts-diff a.plumb failed.plumb
    fails 2 "ts-diff: only one of the two inputs can be '-'" ts-diff - -
}
