# lin-eval: back-tests by the papers' protocol and by folds.
# SPDX-License-Identifier: MIT
load helper
load stream

# json FILE PATH: a value of a report, by the keys and numbers that PATH joins with '/'.
json() {
    jq -e --arg path "$2" 'getpath($path | split("/") | map(tonumber? // .))' -r "$1"
}

# near A B TOLERANCE
near() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit !(d <= t && -d <= t) }' ||
        { echo "$1 is not within $3 of $2"; return 1; }
}

# A sine of period 12 with a trend; a thousand rows.
make_sine() {
    awk 'BEGIN { print "v"; for (t = 0; t < 1000; t++) print sin(t * 6.283185307179586 / 12) + t / 500 }'
}

@test "ETTh1 by the papers' protocol" {
    need_data data/series/ETTh1.csv
    lin-train -q -L 336 -H 96 --ridge 0 --split ett-hour "$DATA/data/series/ETTh1.csv" -o "$T/m.plumb"
    lin-eval --json "$T/m.plumb" "$DATA/data/series/ETTh1.csv" >"$T/r.json"
    near "$(json "$T/r.json" mse)" .3702 .0001
    near "$(json "$T/r.json" mae)" .3915 .0001
    [ "$(json "$T/r.json" windows)" = 2785 ]
    near "$(json "$T/r.json" baselines/repeat/mse)" 1.2944 .0001
    near "$(json "$T/r.json" baselines/seasonal-naive/mse)" .5122 .0001
}

@test "adaptive intervals keep their coverage in every column of ETTh1" {
    need_data data/series/ETTh1.csv
    lin-train -q -L 336 -H 96 --split ett-hour "$DATA/data/series/ETTh1.csv" -o "$T/m.plumb"
    lin-eval --json --per-column --interval-method adaptive "$T/m.plumb" \
        "$DATA/data/series/ETTh1.csv" >"$T/r.json"
    for c in 0 1 2 3 4 5 6; do
        near "$(json "$T/r.json" columns/$c/intervals/0/coverage)" .80 .03
        near "$(json "$T/r.json" columns/$c/intervals/1/coverage)" .95 .03
    done
}

@test "what it reports agrees with the report of lin-train" {
    lin-train -H 24 --split 0.7,0.1,0.2 "$TOP/data/seattle.csv" -o "$T/m.plumb" 2>"$T/train"
    lin-eval --json "$T/m.plumb" "$TOP/data/seattle.csv" >"$T/r.json" 2>/dev/null
    near "$(json "$T/r.json" mse)" "$(awk '$2 == "nlinear" && NF == 6 { print $5 }' "$T/train")" 6e-5
    near "$(json "$T/r.json" mae)" "$(awk '$2 == "nlinear" && NF == 6 { print $6 }' "$T/train")" 6e-5
}

@test "a series that a linear map continues exactly has no error" {
    make_sine >"$T/s.csv"
    lin-train -q -L 48 -H 12 --ridge 0 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/m.plumb"
    lin-eval --json "$T/m.plumb" "$T/s.csv" >"$T/r.json"
    near "$(json "$T/r.json" raw_mae)" 0 1e-4
    near "$(json "$T/r.json" mase)" 0 1e-2
}

@test "folds: as many windows as asked for, the last one at the end" {
    make_sine >"$T/s.csv"
    lin-train -q -L 48 -H 12 --split 0.5,0.2,0.3 "$T/s.csv" -o "$T/m.plumb"
    lin-eval --json --folds 10 --step 5 "$T/m.plumb" "$T/s.csv" >"$T/r.json"
    [ "$(json "$T/r.json" windows)" = 10 ]
    lin-eval --json --folds 100 --step 12 --refit "$T/m.plumb" "$T/s.csv" >"$T/r.json" 2>"$T/notes"
    [ "$(json "$T/r.json" windows)" = 78 ]
    [ "$(json "$T/r.json" folds)" = 78 ]
    says "lin-eval: warning: the rows allow only 78 of 100 folds" cat "$T/notes"
    [ "$(lin-eval -q --json --folds 100 "$T/m.plumb" "$T/s.csv" | jq .windows)" = 79 ]
}

@test "a fold without refitting is what lin-forecast says" {
    lin-train -q -L 60 -H 24 --split 0.7,0.1,0.2 "$TOP/data/elnino_monthly.csv" -o "$T/m.plumb"
    lin-eval --json --folds 1 "$T/m.plumb" "$TOP/data/elnino_monthly.csv" >"$T/r.json"
    head -n -24 "$TOP/data/elnino_monthly.csv" >"$T/past.csv"
    lin-forecast --csv "$T/m.plumb" "$T/past.csv" | tail -n 24 >"$T/f.csv"
    tail -n 24 "$TOP/data/elnino_monthly.csv" | paste -d, - "$T/f.csv" |
        awk -F, '{ d = $2 - $4; s += d < 0 ? -d : d } END { printf "%.10f\n", s / NR }' >"$T/mae"
    near "$(json "$T/r.json" raw_mae)" "$(cat "$T/mae")" 1e-8
}

@test "a refitted fold is a model trained on the rows before it" {
    # the same scaler and ridge: unscaled, fixed ridge
    lin-train -q -L 60 -H 24 --ridge 0.01 --scale none "$TOP/data/elnino_monthly.csv" -o "$T/all.plumb"
    lin-eval -q --json --folds 1 --refit "$T/all.plumb" "$TOP/data/elnino_monthly.csv" >"$T/refit.json"
    head -n -24 "$TOP/data/elnino_monthly.csv" >"$T/past.csv"
    lin-train -q -L 60 -H 24 --ridge 0.01 --scale none "$T/past.csv" -o "$T/past.plumb"
    lin-eval -q --json --folds 1 "$T/past.plumb" "$TOP/data/elnino_monthly.csv" >"$T/past.json"
    near "$(json "$T/refit.json" raw_mae)" "$(json "$T/past.json" raw_mae)" 1e-8
}

@test "the same figures for any number of threads" {
    lin-train -q -H 24 --split 0.7,0.1,0.2 "$TOP/data/seattle.csv" -o "$T/m.plumb"
    lin-eval -q -j 1 --interval-method adaptive "$T/m.plumb" "$TOP/data/seattle.csv" >"$T/1"
    lin-eval -q -j 2 --interval-method adaptive "$T/m.plumb" "$TOP/data/seattle.csv" >"$T/2"
    cmp "$T/1" "$T/2"
}

@test "windows stay between gaps" {
    lin-train -q -L 24 -H 6 --missing gap --split 0.7,0.1,0.2 --target pm2.5 "$TOP/data/beijing.csv" -o "$T/m.plumb"
    lin-eval -q --json "$T/m.plumb" "$TOP/data/beijing.csv" >"$T/gap.json"
    lin-eval -q --json --missing linear "$T/m.plumb" "$TOP/data/beijing.csv" >"$T/linear.json"
    [ "$(json "$T/gap.json" windows)" -lt "$(json "$T/linear.json" windows)" ]
    [ "$(json "$T/linear.json" windows)" = $((3504 - 6 + 1)) ]
}

@test "long format: every series, and each by name" {
    lin-train -q -L 28 -H 7 --id rider --split 0.7,0.1,0.2 "$TOP/data/bike_daily.csv" -o "$T/m.plumb"
    lin-eval --json --id rider --per-column "$T/m.plumb" "$TOP/data/bike_daily.csv" >"$T/r.json"
    [ "$(json "$T/r.json" series)" = 2 ]
    [ "$(json "$T/r.json" columns/0/id)" = casual ]
    [ "$(json "$T/r.json" columns/1/id)" = registered ]
    [ "$(json "$T/r.json" windows)" = $((2 * (146 - 7 + 1))) ]
}

@test "errors grow with the horizon, and the steps add up" {
    lin-train -q -L 60 -H 12 --split 0.7,0.1,0.2 "$TOP/data/elnino_monthly.csv" -o "$T/m.plumb"
    lin-eval --json --per-horizon "$T/m.plumb" "$TOP/data/elnino_monthly.csv" >"$T/r.json"
    jq -e '[.horizons[].mse] as $m | ($m | length) == 12 and $m[0] < $m[5] and $m[5] < $m[11] and
        ((($m | add) / 12 - .mse) | fabs) < 1e-12' "$T/r.json"
}

@test "a model that has seen the rows is said to have" {
    make_sine >"$T/s.csv"
    lin-train -q -L 24 -H 6 "$T/s.csv" -o "$T/m.plumb"
    lin-eval "$T/m.plumb" "$T/s.csv" 2>&1 >/dev/null | grep -q "was fitted to rows that are scored here"
    lin-eval --folds 3 --refit "$T/m.plumb" "$T/s.csv" 2>"$T/stderr" >/dev/null
    [ ! -s "$T/stderr" ]
}

@test "wrong operands" {
    make_sine >"$T/s.csv"
    lin-train -q -L 24 -H 6 "$T/s.csv" -o "$T/m.plumb"
    fails 3 "lin-eval: $T/s.csv: expected a model, found series (make one with lin-train)" \
        lin-eval "$T/s.csv" "$T/s.csv"
    fails 3 "lin-eval: $T/m.plumb: expected a series, found a model" lin-eval "$T/m.plumb" "$T/m.plumb"
    start "$T/bare.plumb"
    record 'meta: stream' 'kind: model'
    record 'meta: series' 'long: false'
    end
    fails 3 "lin-eval: $T/bare.plumb: the model has no document 'model'" lin-eval "$T/bare.plumb" "$T/s.csv"
    start "$T/bare.plumb"
    record 'meta: stream' 'kind: model'
    record 'meta: model' 'type: nlinear'
    end
    fails 3 "lin-eval: $T/bare.plumb: the model has no document 'series'" lin-eval "$T/bare.plumb" "$T/s.csv"
    fails 2 "lin-eval: MODEL and DATA cannot both be standard input" lin-eval - -
    fails 2 "lin-eval: --refit has an effect only with --folds" lin-eval --refit "$T/m.plumb" "$T/s.csv"
    fails 2 "lin-eval: --interval '0': must be a percentage between 0 and 100" \
        lin-eval --interval 0 "$T/m.plumb" "$T/s.csv"
    head -n 20 "$T/s.csv" >"$T/short.csv"
    fails 3 "lin-eval: no window of lookback 24 and horizon 6 to score (the longest series has 19 rows)" \
        lin-eval "$T/m.plumb" "$T/short.csv"
}

@test "rows that came after those of the model are not said to be seen" {
    awk 'BEGIN {
        print "time,v"
        for (i = 0; i < 500; i++)
            printf "%s,%.3f\n", strftime("%Y-%m-%d %H:%M", 1704067200 + 3600 * i, 1), sin(i / 5) + i * i % 7 / 9
    }' >"$T/s.csv"
    head -n 401 "$T/s.csv" >"$T/first.csv"
    sed 2,401d "$T/s.csv" >"$T/later.csv"
    lin-train -q -L 24 -H 6 "$T/first.csv" -o "$T/m.plumb"
    lin-eval "$T/m.plumb" "$T/later.csv" 2>"$T/stderr" >/dev/null
    [ ! -s "$T/stderr" ]
    lin-eval "$T/m.plumb" "$T/first.csv" 2>&1 >/dev/null | grep -q "was fitted to rows that are scored here"
}

# A model of weights near 1e180: its regressor was 1e-150 of what it is later.
@test "errors that are not finite are a failure, not a report" {
    awk -v unit=e-150 -f - >"$T/train.csv" <<'END'
BEGIN { print "load,p"; for (i = 0; i < 200; i++) { k = i * 7919 % 101 - 50; print k "e30," k unit } }
END
    sed 's/e-150$//' "$T/train.csv" >"$T/later.csv"
    lin-train -q --scale none --ridge 0 -L 2 -H 2 --future-columns p --target load "$T/train.csv" -o "$T/m.plumb"
    fails 6 "lin-eval: nlinear: column 'load': the squared error 1 step ahead is not finite" \
        lin-eval -q "$T/m.plumb" "$T/later.csv"
    [ ! -s "$T/stdout" ]
}

# ---- Language models

# even_model FILE VOCABULARY [KEY: VALUE]: a model without layers that finds all tokens equally likely;
# further lines of its document.
even_model() {
    local ones
    ones=$(for ((i = 0; i < $2; i++)); do printf '\\0\\0\\0200\\077'; done)
    start "$1"
    record 'meta: stream' 'kind: model'
    record 'meta: model' "type: gla\nconfiguration: {vocabulary: $2, dim: 1, heads: 1, layers: 0, tie: true, expand-k: 1}\n$3"
    record "tensor: embeddings.weight, dtype: f32, shape: [$2, 1], codec: raw" "$ones"
    record 'tensor: norm.weight, dtype: f32, shape: [1], codec: raw' '\0\0\0200\077'
    end
}

@test "a language model that knows nothing: 8 bits a byte" {
    even_model "$T/m.plumb" 256 'sequence: 4'
    printf 'abcdefghij' >"$T/text"
    lin-eval --json "$T/m.plumb" "$T/text" >"$T/r.json"
    near "$(json "$T/r.json" bits_per_byte)" 8 1e-9
    near "$(json "$T/r.json" perplexity)" 256 1e-9
    near "$(json "$T/r.json" nats_per_token)" 5.545177444479562 1e-12
    says '[9,3,4,"fresh in each row"]' jq -c '[.tokens, .rows, .sequence, .state]' "$T/r.json"
    says '[9,1,9,"carried"]' \
        sh -c "lin-eval --json --carry '$T/m.plumb' '$T/text' | jq -c '[.tokens, .rows, .sequence, .state]'"
    says '[9,5,2]' sh -c "lin-eval --json --seq 2 '$T/m.plumb' <'$T/text' | jq -c '[.tokens, .rows, .sequence]'"
    lin-eval "$T/m.plumb" "$T/text" | grep -q '^bits_per_byte: 8$'
}

@test "a language model on a task: accuracy, exact, and the figures of each position" {
    even_model "$T/m.plumb" 7
    lin-task group --group S3 --len 5 --rows 600 --seed 2 >"$T/task.plumb"
    lin-eval --json --per-position "$T/curve.csv" "$T/m.plumb" - <"$T/task.plumb" >"$T/r.json"
    jq -e '.tokens == 3600 and .rows == 600 and .sequence == 6 and (has("bits_per_byte") | not)' "$T/r.json"
    near "$(json "$T/r.json" perplexity)" 7 1e-9
    # of equal logits the first counts: the token 0
    near "$(json "$T/r.json" accuracy)" 0.167 .1
    [ "$(head -n 1 "$T/curve.csv")" = step,scored,nats,accuracy,exact ]
    [ "$(cut -d, -f 1,2 "$T/curve.csv" | tail -n +2 | tr '\n' ' ')" = "1,600 2,600 3,600 4,600 5,600 6,600 " ]
    near "$(awk -F, 'NR > 1 { s += $4 } END { print s / 6 }' "$T/curve.csv")" "$(json "$T/r.json" accuracy)" 1e-6
    [ "$(tail -n 1 "$T/curve.csv" | cut -d, -f 5)" = "$(json "$T/r.json" exact)" ]
    ts-plot -f term -n accuracy "$T/curve.csv" >"$T/picture"
    [ -s "$T/picture" ]
}

@test "a mixture of memories: the share of the tokens that each got, short rows or long" {
    cd "$T"
    head -c 3000 "$TOP/data/shakespeare.txt" >text
    lin-train -q -m mom -s memories=3 -s dim=8 -s heads=1 -s layers=2 -s mlp=8 --seq 16 --batch 4 --steps 30 text >m.plumb
    lin-eval m.plumb text >rows && lin-eval -j 1 m.plumb text | cmp rows -
    lin-eval --carry m.plumb text >long
    for report in rows long; do
        sed -n '/^routed/,$p' $report | awk '
            /^- -/ { layers++ }
            NR > 1 { sum += $NF; if ($NF <= 0 || $NF > 1) exit 1 }
            END { if (layers != 2 || NR != 7 || (sum - 4) ^ 2 > 1e-12) exit 1 }'
    done
    even_model gla.plumb 256
    says false sh -c "lin-eval --json gla.plumb text | jq 'has(\"routed\")'"
}

@test "options of one family are refused for another" {
    even_model "$T/m.plumb" 256
    echo text >"$T/text"
    fails 2 "lin-eval: --folds is for a forecaster, this is a language model" \
        lin-eval --folds 3 "$T/m.plumb" "$T/text"
    fails 2 "lin-eval: --interval is for a forecaster, this is a language model" \
        lin-eval --interval 80,95 "$T/m.plumb" "$T/text"
    make_sine >"$T/s.csv"
    lin-train -q -L 24 -H 6 "$T/s.csv" -o "$T/f.plumb"
    fails 2 "lin-eval: --carry is for a language model, this is a forecaster" \
        lin-eval --carry "$T/f.plumb" "$T/s.csv"
    fails 2 "lin-eval: --seq is for a language model, this is a forecaster" \
        lin-eval -s seq=0 "$T/f.plumb" "$T/s.csv"
}

@test "what --print-config wrote is read again, for every family" {
    even_model "$T/m.plumb" 256
    echo text >"$T/text"
    lin-eval --print-config "$T/m.plumb" "$T/text" >"$T/config.yaml"
    lin-eval -c "$T/config.yaml" "$T/m.plumb" "$T/text" | cmp - <(lin-eval "$T/m.plumb" "$T/text")
    make_sine >"$T/s.csv"
    lin-train -q -L 24 -H 6 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/f.plumb"
    lin-eval -c "$T/config.yaml" "$T/f.plumb" "$T/s.csv" | cmp - <(lin-eval "$T/f.plumb" "$T/s.csv")
    printf 'folds: 3\n' >"$T/folds.yaml"
    PLUMBLINE_CONFIG=$T/folds.yaml lin-eval "$T/m.plumb" "$T/text" >/dev/null
    fails 2 "lin-eval: --folds is for a forecaster, this is a language model" \
        lin-eval -c "$T/config.yaml" --folds 0 "$T/m.plumb" "$T/text"
}

@test "the curve is not written over the model, the data or the report" {
    cd "$T"
    even_model m.plumb 256
    echo text >text
    cp m.plumb before
    fails 2 'lin-eval: --per-position ./m.plumb: the file is read too' lin-eval --per-position ./m.plumb m.plumb text
    fails 2 'lin-eval: --per-position text: the file is read too' lin-eval --per-position text m.plumb text
    fails 2 'lin-eval: --per-position new: the report is written there too' \
        lin-eval --per-position new -o new m.plumb text
    : >old
    fails 2 'lin-eval: --per-position ./old: the report is written there too' \
        lin-eval --per-position ./old -o old m.plumb text
    cmp m.plumb before
    says text cat text
    lin-eval --per-position curve -o report m.plumb text
    [ -s curve ] && [ -s report ]
}

@test "what a language model cannot be scored on" {
    even_model "$T/m.plumb" 6
    printf a >"$T/text"
    fails 3 "lin-eval: $T/text: nothing to predict: 1 row of 1 token" lin-eval "$T/m.plumb" "$T/text"
    : >"$T/text"
    fails 4 "lin-eval: $T/text: the input is empty" lin-eval "$T/m.plumb" "$T/text"
    printf '\1\2\11' >"$T/text"
    fails 3 "lin-eval: $T/text: offset 2: token 9 is not in the vocabulary of 6" \
        lin-eval "$T/m.plumb" "$T/text"
    fails 3 "lin-eval: $T/m.plumb: expected a text or tokens, found model (tok-encode makes tokens)" \
        lin-eval "$T/m.plumb" "$T/m.plumb"
    lin-task copy --rows 3 >"$T/task.plumb"
    fails 2 "lin-eval: --seq: $T/task.plumb is a task: its rows are scored whole" \
        lin-eval --seq 4 "$T/m.plumb" "$T/task.plumb"
    fails 2 "lin-eval: --carry: $T/task.plumb has rows that do not continue each other" \
        lin-eval --carry "$T/m.plumb" "$T/task.plumb"
    fails 2 "lin-eval: --per-position -: standard output is for the report; name a file" \
        lin-eval --per-position - "$T/m.plumb" "$T/task.plumb"
}
