# ts-select: names, columns, ranges, dtypes, codecs, order; the same from a file and a pipe.
# SPDX-License-Identifier: MIT
load helper
load stream
bats_require_minimum_version 1.5.0

setup() {
    cd "$T"
    ln -s "$TOP/data" data
}

# tensors of a stream: "name dtype [shape]" a line
list() {
    ts-info "$@" | awk 'seen { sub(/\].*/, "]"); print } /^TENSOR/ { seen = 1 }' | tr -s ' '
}

# elements NAME FILE: those of a u8 tensor, as text
elements() {
    ts-select --no-history -n "$1" --tail 999999 --codec raw "$2" >one.plumb # in one piece
    local header
    header=$(grep -a -m 1 -o '^--- !plumbline1 {tensor[^#]*#' one.plumb | wc -c)
    local start=$(($(grep -a -b -o -m 1 '{tensor' one.plumb | head -n 1 | cut -d: -f1) - 16 + header + 8))
    tail -c +$((start + 1)) one.plumb | head -c "$(grep -a -o -m 1 'bytes: [0-9]*' one.plumb | cut -c 8-)"
}

# model.plumb: a few named tensors, documents, a private record
make_model() {
    start model.plumb
    record 'meta: stream' 'kind: model\n'
    record 'meta: model' 'type: toy\n'
    record 'tensor: encoder.0.weight, dtype: u8, shape: [3, 4], codec: raw' abcdefghijkl
    record 'tensor: encoder.0.bias, dtype: u8, shape: [3], codec: raw' xyz
    record 'x_note: 1' private
    record 'tensor: encoder.1.weight, dtype: u8, shape: [2], codec: raw, x_hint: 5' 12
    record 'tensor: head, dtype: u8, shape: [], codec: raw' H
    record 'tensor: optim.step, dtype: u8, shape: [1], codec: raw' 7
    end
}

# live.plumb: two chunked tensors in turn; x of known, q of unknown length
make_live() {
    start live.plumb
    record 'tensor: x, dtype: u8, shape: [6]'
    record 'tensor: q, dtype: u8, shape: [~, 2]'
    record 'chunk: x, seq: 0, rows: 2, codec: raw' ab
    record 'chunk: q, seq: 0, rows: 1, codec: raw' 01
    record 'chunk: x, seq: 1, rows: 0, codec: raw' ''
    record 'chunk: x, seq: 2, rows: 4, codec: raw' cdef
    record 'close: x, chunks: 3, rows: 6'
    record 'chunk: q, seq: 1, rows: 3, codec: raw' 234567
    record 'close: q, chunks: 2, rows: 4'
    end
}

# alike OPTION... FILE: a file, a redirected file and a pipe give the same bytes
alike() {
    local file=${!#}
    ts-select --no-history "$@" >alike.file
    ts-check -q alike.file
    set -- "${@:1:$#-1}"
    cat "$file" | ts-select --no-history "$@" | cmp - alike.file
    ts-select --no-history "$@" - <"$file" | cmp - alike.file
}

@test "without options a copy, byte for byte" {
    make_model
    ts-select --no-history model.plumb | cmp - model.plumb
    cat model.plumb | ts-select --no-history | cmp - model.plumb
    make_live
    alike live.plumb
    cmp alike.file live.plumb
}

@test "globs keep and drop; what is not there is an error that lists what is" {
    make_model
    says "encoder.0.weight u8 [3, 4]
encoder.1.weight u8 [2]" list <(ts-select -n '*.weight' model.plumb)
    says "encoder.0.bias u8 [3]
head u8 []" list <(ts-select --drop '*.weight' --drop 'optim.*' model.plumb)
    says "encoder.0.weight u8 [3, 4]" list <(ts-select -n 'encoder.*' -n '!*.1.*' -n '!*bias' model.plumb)
    fails 3 "ts-select: nothing is named 'decoder*'; there is 'encoder.0.weight', 'encoder.0.bias', 'encoder.1.weight', 'head', 'optim.step'" \
        ts-select -n head -n 'decoder*' model.plumb -o out.plumb
    [ ! -e out.plumb ]
    fails 2 "ts-select: --name '': must not be empty" ts-select -n '' model.plumb
    fails 2 "ts-select: a name pattern is empty" ts-select -n '!' model.plumb
    alike -n 'encoder.*' --drop '*bias' model.plumb
}

@test "documents, private records and private keys pass" {
    make_model
    ts-select -n '*.1.*' model.plumb >out.plumb
    [ "$(grep -a -c '^--- !plumbline1 {x_note: 1, bytes: 7}' out.plumb)" = 1 ]
    grep -a -q 'codec: raw, x_hint: 5, bytes: 2}\|x_hint: 5' out.plumb
    says "type: toy" ts-info --meta model out.plumb
    says "kind: model" ts-info --meta stream out.plumb
}

@test "renaming: stars carry over, the first rule wins" {
    make_model
    says "enc.0.w u8 [3, 4]
enc.0.bias u8 [3]
enc.1.w u8 [2]
top u8 []
optim.step u8 [1]" list <(ts-select --rename '*coder.*.weight=*c.*.w' --rename 'encoder.*=enc.*' --rename head=top --rename 'h*=x' model.plumb)
    [ "$(list <(ts-select -n head --rename 'h[aeiou]*d=a\*b*\\' model.plumb))" = 'a*ba\ u8 []' ]
    fails 3 "ts-select: standard output: 'w': a second tensor of this name in one segment" \
        ts-select --rename '*.weight=w' model.plumb
    fails 2 "ts-select: 'a*=*.*': the replacement has more '*' than the pattern" ts-select --rename 'a*=*.*' model.plumb
    fails 2 "ts-select: 'head' is not PATTERN=REPLACEMENT" ts-select --rename head model.plumb
    fails 3 "ts-select: the new name of 'head' is empty" ts-select --rename 'head=' model.plumb -o x.plumb
    alike --rename 'encoder.*=enc.*' model.plumb
}

@test "columns of a series" {
    ts-select -n temp_max data/seattle.csv | ts-export -f csv | head -n 2 >out
    says "date,temp_max
2012-01-01,12.8" cat out
    ts-select -n temp_max -n 'w*' data/seattle.csv | ts-export -f csv | head -n 2 >out
    says "date,temp_max,wind,weather
2012-01-01,12.8,4.7,drizzle" cat out
    ts-import --id rider data/bike_daily.csv -o long.plumb
    says "series.names u8 [5]
time i64 [1462]
id i32 [1462]
id.levels u8 [17]
values f64 [1462, 1]" list <(ts-select -n hires long.plumb)
    says "series.names u8 [5]
time i64 [1462]
values f64 [1462, 1]" list <(ts-select -n hires --drop id long.plumb)
    ts-select --drop weather --drop 'temp*' data/seattle.csv | ts-export -f csv | head -n 2 >out
    says "date,precipitation,wind
2012-01-01,0,4.7" cat out
    # each column as it was, whichever others go
    cut -d, -f 1,3,6 data/beijing.csv >expected.csv
    ts-select -n DEWP -n cbwd --rename DEWP=DEWP data/beijing.csv | ts-export -f csv | ts-diff - expected.csv
    says "values f64 [1461, 4]" list <(ts-select -n values data/seattle.csv)
    [ "$(ts-select -n values data/seattle.csv | ts-info | head -n 1)" = "standard input: tensors, 1 tensor of 45.7 KiB; documents: history" ]
    says "weather i32 [1461]
weather.levels u8 [25]" list <(ts-select -n weather data/seattle.csv)
    fails 3 "ts-select: nothing is named 'OT'; there is 'precipitation', 'temp_max', 'temp_min', 'wind', 'series.names', 'time', 'weather', 'weather.levels', 'values'" \
        ts-select -n OT data/seattle.csv -o x.plumb
    fails 3 "ts-select: no column of the series is left; --drop values drops them all" \
        ts-select --drop 'temp*' --drop '[pw]*' data/seattle.csv -o x.plumb
}

@test "renaming columns renames them everywhere" {
    ts-select --rename 'temp_*=t_*' --rename weather=sky data/seattle.csv | ts-export -f csv | head -n 1 >out
    says "date,precipitation,t_max,t_min,wind,sky" cat out
    fails 3 "ts-select: two columns would be named 't'" ts-select --rename 'temp_*=t' data/seattle.csv
}

@test "the names of the columns may come first or last, the series solid or live" {
    ts-import --no-history data/seattle.csv >solid.plumb
    ts-select --order 'values,time,*' --no-history solid.plumb >late.plumb
    cat data/seattle.csv | ts-import --no-history >live.plumb
    for file in solid late live; do
        alike -n 'temp*' --rename 'temp*=t*' --head 100 $file.plumb
        mv alike.file $file.out
    done
    ts-diff solid.out late.out
    ts-diff solid.out live.out
    for options in '-n values' '-n time -n values --drop weather' '-n temp_max --drop time' '--tail 5' '--rows 3:-3:2'; do
        for file in solid late live; do
            alike $options $file.plumb
            mv alike.file $file.out
        done
        ts-diff solid.out late.out
        ts-diff solid.out live.out
    done
}

@test "rows of a series, all its parts alike" {
    sed -n '1p;11,15p' data/seattle.csv >expected.csv
    ts-select --rows 9:14 data/seattle.csv | ts-diff --ignore weather.levels - expected.csv --ignore weather
    sed -n '1p;1460,$p' data/seattle.csv | cut -d, -f 1-5 >expected.csv
    ts-select --tail 3 --drop weather data/seattle.csv | ts-diff - expected.csv
    ts-select --head 0 data/seattle.csv | ts-info | grep -q '^0 rows'
    ts-select --tail 0 data/seattle.csv | ts-info | grep -q '^0 rows'
    ts-select --tail 99999 --no-history data/seattle.csv | ts-diff - data/seattle.csv
    fails 2 "ts-select: only one of --rows, --head and --tail" ts-select --head 1 --tail 1 data/seattle.csv
    fails 2 "ts-select: --rows '3': not a range such as 0:10, -5: or ::2" ts-select --rows 3 data/seattle.csv
    run -3 ts-select --slice 'values[0:3]' data/seattle.csv -o x.plumb
}

@test "slices of solid tensors" {
    make_model
    w=encoder.0.weight
    [ "$(elements '*.0.weight' model.plumb)" = abcdefghijkl ]
    for case in '[1] efgh [4]' '[:,1] bfj [3]' '[1:,:2] efij [2, 2]' '[::2] abcdijkl [2, 4]' \
        '[-1:] ijkl [1, 4]' '[:,::3] adehil [3, 2]' '[0:9,-2:-1] cgk [3, 1]' '[2,3] l []' '[3:]  [0, 4]'; do
        read -r ranges expected shape <<<"$case"
        [ "$ranges" = '[3:]' ] && expected='' shape='[0, 4]'
        ts-select --slice "*.0.weight$ranges" model.plumb >out.plumb
        [ "$(elements '*.0.weight' out.plumb)" = "$expected" ]
        [ "$(list -n '*.0.weight' out.plumb)" = "$w u8 $shape" ]
        alike --slice "*.0.weight$ranges" model.plumb
    done
    fails 3 "ts-select: '$w': index 3 is outside axis 0 of length 3" ts-select --slice '*.0.weight[3]' model.plumb -o x
    fails 3 "ts-select: 'head': range 1 of a tensor of rank 0" ts-select --slice 'head[0]' model.plumb -o x
    fails 3 "ts-select: --slice 'w[0]' fits no tensor; there is '$w', 'encoder.0.bias', 'encoder.1.weight', 'head', 'optim.step'" \
        ts-select --slice 'w[0]' model.plumb -o x
    for bad in 'w' 'w[' 'w[a]' 'w[1:2:0]' 'w[::-1]' '[0]' 'w[]'; do
        run -2 ts-select --slice "$bad" model.plumb
    done
}

@test "slices of chunked tensors" {
    make_live
    for case in 'x[1:5] bcde' 'x[-2:] ef' 'x[::2] ace' 'x[4] e' 'q[1:3] 2345' 'q[:,1] 1357' 'q[2,0] 4' 'q[-1] 67'; do
        read -r slice expected <<<"$case"
        ts-select --slice "$slice" live.plumb >out.plumb
        [ "$(elements "${slice%%[*}" out.plumb)" = "$expected" ]
        alike --slice "$slice" live.plumb
    done
    fails 3 "ts-select: 'q': the slice lies behind its last row" ts-select --slice 'q[4]' live.plumb -o x
}

@test "casts" {
    ts-select --cast f32 data/elnino.csv >f32.plumb
    says "series.names u8 [47]
time i64 [61]
values f32 [61, 12]" list f32.plumb
    ts-select --cast f64 f32.plumb | ts-diff --rtol 1e-7 - data/elnino.csv
    ts-select --cast 'i32:values' data/elnino.csv | ts-select --cast f64:values | ts-diff --atol 0.9999999 - data/elnino.csv
    printf 'x\n1\n300\n' >a.csv
    fails 3 "ts-select: 'values': element 1: 300 does not fit u8" ts-select --cast u8 a.csv -o x
    make_model
    fails 3 "ts-select: --cast 'f32' fits no tensor of floats (name others by DTYPE:GLOB); there is 'encoder.0.weight', 'encoder.0.bias', 'encoder.1.weight', 'head', 'optim.step'" \
        ts-select --cast f32 model.plumb -o x
    run -2 ts-select --cast f31 a.csv
    run -2 ts-select --cast f32: a.csv
    alike --cast u16:'*weight' --cast i64:'*' model.plumb
    make_live
    alike --cast f16:x live.plumb
}

@test "codecs: compressed and back is the same" {
    ts-import --no-history data/beijing.csv >a.plumb
    for codec in zlib shuffle-zlib; do
        alike --codec $codec a.plumb
        mv alike.file packed.plumb
        ts-diff packed.plumb a.plumb
        [ "$(stat -c %s packed.plumb)" -lt $(($(stat -c %s a.plumb) / 2)) ]
        for threads in 1 3; do
            ts-select -j $threads --no-history --codec $codec a.plumb | cmp - packed.plumb
        done
        alike --codec raw packed.plumb
        cmp alike.file a.plumb
    done
    make_live
    alike --codec zlib live.plumb
    fails 3 "ts-select: 'x' cannot become one piece, since other records come between its chunks; select it alone with -n" \
        ts-select --codec raw <(big_live) -o x.plumb
    alike -n x --codec raw live.plumb
}

# As live.plumb, with an x that is too large to be gathered.
big_live() {
    start big.plumb
    record 'tensor: x, dtype: u8, shape: [9000000]'
    record 'meta: model' 'type: toy'
    record 'chunk: x, seq: 0, rows: 0, codec: raw' ''
    cat big.plumb
}

@test "order" {
    make_model
    says "encoder.0.bias u8 [3]
encoder.0.weight u8 [3, 4]
encoder.1.weight u8 [2]
head u8 []
optim.step u8 [1]" list <(ts-select --order name model.plumb)
    says "head u8 []
optim.step u8 [1]
encoder.1.weight u8 [2]
encoder.0.bias u8 [3]
encoder.0.weight u8 [3, 4]" list <(ts-select --order size model.plumb)
    says "head u8 []
encoder.1.weight u8 [2]
encoder.0.weight u8 [3, 4]
encoder.0.bias u8 [3]
optim.step u8 [1]" list <(ts-select --order 'head,*.1.*' model.plumb)
    alike --order name model.plumb
    ts-diff alike.file model.plumb
    make_live
    alike --order 'q,x' live.plumb
    ts-diff alike.file live.plumb
    alike --order 'q' --codec raw live.plumb
    ts-diff alike.file live.plumb
}

@test "segments become segments" {
    make_model
    make_live
    cat model.plumb live.plumb model.plumb >all.plumb
    for options in '--drop head' '--order name' '--tail 1' '--codec zlib'; do
        alike $options all.plumb
        for file in model live model; do ts-select --no-history $options $file.plumb; done | cmp - alike.file
        ts-select --no-history $options model.plumb live.plumb model.plumb | cmp - alike.file
    done
    ts-select --no-history --segment 2 all.plumb | cmp - live.plumb
    ts-select --no-history --segment 3 live.plumb live.plumb model.plumb | cmp - model.plumb
    cat all.plumb | ts-select --no-history --segment 1 | cmp - model.plumb
    fails 3 "ts-select: there is no segment 4, only 3" ts-select --segment 4 all.plumb -o x.plumb
}

@test "--explain tells what would come, from headers alone" {
    make_model
    says "TENSOR        DTYPE  SHAPE   SIZE  HOW
enc.0.weight  f16    [1, 4]   8 B  renamed, cut, converted
enc.1.weight  u8     [2]      2 B  renamed
head          u8     []       1 B  copied
11 B of elements, 8.1 MiB of memory" ts-select --explain --drop '*.bias' --drop 'optim*' --rename 'encoder.*=enc.*' \
        --slice '*.0.weight[1:2]' --cast 'f16:*.0.weight' model.plumb
    make_live
    says "TENSOR  DTYPE  SHAPE      SIZE  HOW
x       u8     [6]         6 B  recoded
q       u8     [~, 2]  unknown  recoded
6 B of elements, 24.1 MiB of memory" ts-select --explain --codec zlib live.plumb
    fails 3 "ts-select: nothing is named 'z'; there is 'x', 'q'" ts-select --explain -n z live.plumb
}

@test "one history entry is added, unless not wanted" {
    ts-import data/co2.csv >a.plumb
    ts-select --head 5 a.plumb | ts-select --cast f32 >b.plumb
    ts-info --history b.plumb >script
    sh script | ts-diff - b.plumb
    [ "$(ts-info --meta history b.plumb | grep -c 'tool:')" = 3 ]
    ts-select --no-history a.plumb >c.plumb
    fails 3 "ts-info: c.plumb: no document is named 'history'; there is 'stream', 'series'" ts-info --history c.plumb
}

@test "failures cross the pipe" {
    make_model
    head -c 700 model.plumb >cut.plumb
    run -4 ts-select cut.plumb -o x.plumb
    [ ! -e x.plumb ]
    cat cut.plumb | { run -4 ts-select -o x.plumb; }
    start failed.plumb
    record 'tensor: w, dtype: u8, shape: [1], codec: raw' 1
    record 'error: lin-train, status: 6' 'diverged at step 41'
    for options in '' '--order name' '--tail 1'; do
        fails 4 "ts-select: upstream lin-train failed: diverged at step 41" sh -c "cat failed.plumb | ts-select $options"
        tail -c 256 "$T/stdout" | cmp - <(tail -c 256 failed.plumb) || [ "$options" != '' ]
    done
    cp model.plumb bad.plumb
    printf '#' | dd of=bad.plumb bs=1 seek=$(($(grep -a -b -o -m 1 abcdefghijkl model.plumb | cut -d: -f1) + 3)) conv=notrunc 2>/dev/null
    for options in '' '--order name' '--tail 1' '--codec zlib' '--slice *.0.weight[0]'; do
        set -f
        run -3 ts-select $options bad.plumb -o x.plumb
        set +f
        [ ! -e x.plumb ]
    done
    ts-select -n head bad.plumb -o x.plumb # what is dropped from a file is hopped over
    cat bad.plumb | { run -3 ts-select -n head -o y.plumb; }
    [ ! -e y.plumb ]
}

@test "a forecast is cut like a series; its past stays whole, or goes with its columns" {
    lin-forecast -q -n 6 --interval 80 data/elnino_monthly.csv -o f.plumb
    [ "$(ts-select --head 2 f.plumb | ts-export -f csv | cut -d, -f2- | head -n 1)" = sst,sst.lo-80,sst.hi-80 ]
    [ "$(ts-select --head 2 f.plumb | ts-export -f csv | wc -l)" = 3 ]
    ts-select --head 2 f.plumb | ts-select -n history.values -o past.plumb
    ts-select -n history.values f.plumb | ts-diff -q - past.plumb
    [ "$(ts-select -n sst f.plumb | ts-export -f csv | head -n 1)" = date,sst ]
    [ "$(ts-select -n sst f.plumb | ts-info | grep -c history.values)" = 0 ]
}
