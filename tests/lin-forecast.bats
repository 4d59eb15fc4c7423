# lin-forecast: forecasts in the series' own unit, with stamps and intervals; live forecasts.
# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper

# A ramp by the hour, in CSV: 0, 1, 2, ... from 2024-02-28 00:00 on.
make_ramp() {
    awk -v rows="$1" 'BEGIN {
        print "date,load"
        for (t = 0; t < rows; t++) {
            day = 28 + int(t / 24); month = 2
            if (day > 29) { day -= 29; month = 3 }
            printf "2024-%02d-%02d %02d:00,%d\n", month, day, t % 24, t
        }
    }'
}

# A sine with noise, daily.
make_noise() {
    awk -v rows="$1" 'BEGIN {
        srand(7); print "v"
        for (t = 0; t < rows; t++) print 10 * sin(t / 7) + rand() + rand() + rand()
    }'
}

@test "a straight line goes on, over the end of February" {
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 --ridge 0 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/m.plumb"
    says "$(printf 'date,load\n2024-03-01 12:00,60\n2024-03-01 13:00,61\n2024-03-01 14:00,62')" \
        sh -c 'lin-forecast "$1" "$2" | ts-export -f csv --precision 0' - "$T/m.plumb" "$T/s.csv"
}

@test "the number of steps: fewer, and more than the horizon" {
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 --ridge 0 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/m.plumb"
    [ "$(lin-forecast -n 1 --csv "$T/m.plumb" "$T/s.csv" | wc -l)" = 2 ]
    lin-forecast -n 1000 --csv "$T/m.plumb" "$T/s.csv" >"$T/far.csv"
    [ "$(wc -l <"$T/far.csv")" = 1001 ]
    tail -n 1 "$T/far.csv" | awk -F, '{ d = $2 - 1059; exit !(d < 1 && d > -1) }'
}

@test "with no model: fits on the spot and says what" {
    lin-forecast -n 12 --csv "$TOP/data/elnino_monthly.csv" >"$T/f.csv" 2>"$T/notes"
    [ "$(head -n 2 "$T/f.csv" | cut -d, -f1 | tail -n 1)" = 2011-01-01 ]
    [ "$(wc -l <"$T/f.csv")" = 13 ]
    grep -q "^lin-forecast: nlinear, lookback 244, horizon 12, ridge" "$T/notes"
    grep -q "^lin-forecast: seasonal-naive" "$T/notes"
    lin-forecast -q -n 12 --csv "$TOP/data/elnino_monthly.csv" 2>&1 | cmp - "$T/f.csv"
    lin-forecast -q -n 12 --csv <"$TOP/data/elnino_monthly.csv" | cmp - "$T/f.csv"
}

@test "a terminal gets a table" {
    command -v script >/dev/null || skip "no script(1)"
    need_terminal
    script -qec "lin-forecast -q -n 2 '$TOP/data/elnino_monthly.csv'" /dev/null </dev/null |
        tr -d '\r' >"$T/table"
    grep -qE '^time +sst$' "$T/table"
    grep -qE '^2011-02-01 +2[3-7]\.[0-9]+$' "$T/table"
    [ "$(wc -l <"$T/table")" = 3 ]
}

@test "intervals of all three methods: nested, around the forecast, wider with the step" {
    make_noise 900 >"$T/s.csv"
    lin-train -q -L 30 -H 5 "$T/s.csv" -o "$T/m.plumb"
    for method in gaussian conformal adaptive; do
        lin-forecast --csv --interval 50,80,95 --interval-method $method "$T/m.plumb" "$T/s.csv" >"$T/f.csv"
        says v,v.lo-50,v.hi-50,v.lo-80,v.hi-80,v.lo-95,v.hi-95 head -n 1 "$T/f.csv"
        tail -n 5 "$T/f.csv" | awk -F, '
            !($6 < $4 && $4 < $2 && $2 < $1 && $1 < $3 && $3 < $5 && $5 < $7) { exit 1 }'
    done
}

@test "intervals widen beyond the horizon" {
    make_noise 900 >"$T/s.csv"
    lin-train -q -L 30 -H 5 "$T/s.csv" -o "$T/m.plumb"
    lin-forecast --csv -n 20 --interval 80 "$T/m.plumb" "$T/s.csv" |
        awk -F, 'NR > 1 { width[NR] = $3 - $2 }
            END { exit !(width[11] > width[6] && width[16] > width[11] && width[21] > width[16]) }'
}

@test "unusual levels keep their names" {
    make_noise 900 >"$T/s.csv"
    lin-train -q -L 30 -H 5 "$T/s.csv" -o "$T/m.plumb"
    says v,v.lo-12.5,v.hi-12.5,v.lo-99.9,v.hi-99.9 \
        sh -c 'lin-forecast --csv --interval 12.5,99.9 "$1" "$2" | head -n 1' - "$T/m.plumb" "$T/s.csv"
    fails 2 "lin-forecast: --interval '95,80': levels must ascend" \
        lin-forecast --interval 95,80 "$T/m.plumb" "$T/s.csv"
}

@test "known-future columns: used, and an error when their rows are missing" {
    awk -v OFS=, 'BEGIN { srand(1); print "load,holiday"
        for (t = 0; t < 600; t++) { h = rand() < .2; print 5 + 3 * h + sin(t / 9), h } }' >"$T/s.csv"
    lin-train -q -L 20 -H 4 --target load --future-columns holiday "$T/s.csv" -o "$T/m.plumb"
    fails 3 "lin-forecast: future column 'holiday' is known for 0 rows ahead, 4 are needed: add rows with its values and empty targets" \
        lin-forecast "$T/m.plumb" "$T/s.csv"
    { cat "$T/s.csv"; printf ',0\n,1\n,0\n,1\n'; } >"$T/known.csv"
    lin-forecast --csv "$T/m.plumb" "$T/known.csv" | tail -n 4 | awk '
        NR % 2 { low[NR] = $1 } NR % 2 == 0 { if ($1 - low[NR - 1] < 2.5 || $1 - low[NR - 1] > 3.5) exit 1 }'
}

@test "past columns end at the horizon" {
    awk -v OFS=, 'BEGIN { srand(1); print "load,wind"; for (t = 0; t < 600; t++) print rand(), rand() }' >"$T/s.csv"
    lin-train -q -L 20 -H 4 --target load --past-columns wind "$T/s.csv" -o "$T/m.plumb"
    says load sh -c 'lin-forecast --csv "$1" "$2" | head -n 1' - "$T/m.plumb" "$T/s.csv"
    fails 3 "lin-forecast: 5 steps go beyond the model's horizon of 4, and nobody knows its past columns that far: train with -H 5" \
        lin-forecast -n 5 "$T/m.plumb" "$T/s.csv"
}

@test "long format: every series goes on from its own end" {
    lin-train -q -L 28 -H 2 --id rider "$TOP/data/bike_daily.csv" -o "$T/m.plumb"
    lin-forecast --id rider --csv "$T/m.plumb" "$TOP/data/bike_daily.csv" | cut -d, -f1,2 >"$T/f"
    says "$(printf 'date,rider\n2013-01-01,casual\n2013-01-02,casual\n2013-01-01,registered\n2013-01-02,registered')" \
        cat "$T/f"
    # The past of each goes along, for pictures.
    lin-forecast --id rider "$T/m.plumb" "$TOP/data/bike_daily.csv" >"$T/f.plumb"
    ts-export -n history.values "$T/f.plumb" | tail -n +2 >"$T/past"
    for rider in casual registered; do
        grep ",$rider," "$TOP/data/bike_daily.csv" | tail -n 48 | cut -d, -f3
    done | cmp - "$T/past"
    ts-export -n history.id "$T/f.plumb" | tail -n +2 | uniq -c | tr -s ' ' >"$T/codes"
    says "$(printf ' 48 0\n 48 1')" cat "$T/codes"
    ts-plot -f term -n registered "$T/f.plumb" | grep -q observed
}

@test "live: a forecast after every row, equal to the one from a file" {
    make_noise 700 >"$T/s.csv"
    lin-train -q -L 30 -H 3 "$T/s.csv" -o "$T/m.plumb"
    head -n 41 "$T/s.csv" | lin-forecast --follow --csv "$T/m.plumb" - >"$T/live.csv"
    [ "$(wc -l <"$T/live.csv")" = $((1 + 3 * 11)) ]
    for rows in 30 35 40; do
        head -n $((rows + 1)) "$T/s.csv" | lin-forecast --csv "$T/m.plumb" - | tail -n 3 >"$T/still"
        sed -n "$((2 + 3 * (rows - 30))),$((4 + 3 * (rows - 30)))p" "$T/live.csv" | cmp - "$T/still"
    done
}

@test "live: the row that came is answered before the next one comes" {
    make_noise 700 >"$T/s.csv"
    lin-train -q -L 30 -H 2 "$T/s.csv" -o "$T/m.plumb"
    mkfifo "$T/in" "$T/out"
    lin-forecast --follow --csv "$T/m.plumb" - <"$T/in" >"$T/out" &
    exec 8>"$T/in" 9<"$T/out"
    head -n 31 "$T/s.csv" >&8
    read -r -t 5 line <&9
    [ "$line" = v ]
    read -r -t 5 line <&9
    read -r -t 5 line <&9
    sed -n 32p "$T/s.csv" >&8
    read -r -t 5 line <&9
    read -r -t 5 line <&9
    exec 8>&-
    wait $!
    exec 9<&-
}

@test "live: memory does not grow" {
    [ -z "$CHECKER" ] || skip "memory is no measure under $CHECKER"
    make_noise 100000 >"$T/s.csv"
    head -n 700 "$T/s.csv" | lin-train -q -L 30 -H 2 -o "$T/m.plumb"
    lin-forecast --follow -n 1 "$T/m.plumb" - <"$T/s.csv" >"$T/out" &
    pid=$!
    peak=0
    while rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$rss" ]; do
        peak=$rss
        sleep .1
    done
    wait $pid
    echo "peak $peak KiB"
    [ "$peak" -lt 65536 ]
    ts-check "$T/out"
}

@test "live: a stamp that skips, a cell that is missing" {
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/m.plumb"
    sed 20d "$T/s.csv" >"$T/skip.csv"
    fails 3 "lin-forecast: row 19: 2024-02-28 19:00:00 does not follow 2024-02-28 17:00:00 by 1 hour" \
        lin-forecast --follow "$T/m.plumb" "$T/skip.csv"
    sed '20s/,.*/,/' "$T/s.csv" >"$T/hole.csv"
    fails 3 "lin-forecast: row 19: column 'load' is missing (train with --missing linear to carry the last value forward)" \
        lin-forecast --follow "$T/m.plumb" "$T/hole.csv"
    lin-train -q -L 6 -H 3 --missing linear --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/l.plumb"
    [ "$(lin-forecast --follow -n 1 --csv "$T/l.plumb" "$T/skip.csv" | wc -l)" = 55 ]
    lin-train -q -L 6 -H 3 --missing gap --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/g.plumb"
    # 18 rows before the gap give 13 forecasts, 41 behind it 36
    [ "$(lin-forecast --follow -n 1 --csv "$T/g.plumb" "$T/skip.csv" | wc -l)" = 50 ]
}

@test "live: rows that continue the model's own are answered at once" {
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 --ridge 0 "$T/s.csv" -o "$T/m.plumb"
    make_ramp 62 | sed 2,61d >"$T/next.csv"
    lin-forecast --follow -n 1 --csv "$T/m.plumb" "$T/next.csv" | tail -n 2 >"$T/f"
    says "$(printf '2024-03-01 13:00\n2024-03-01 14:00')" cut -d, -f1 "$T/f"
}

@test "errors of the data" {
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 --split 0.7,0.1,0.2 "$T/s.csv" -o "$T/m.plumb"
    head -n 5 "$T/s.csv" >"$T/short.csv"
    fails 3 "lin-forecast: column 'load' has 4 rows; the model's lookback of 6 needs at least as many" \
        lin-forecast "$T/m.plumb" "$T/short.csv"
    sed '1s/load/cold/' "$T/s.csv" >"$T/other.csv"
    run -3 lin-forecast "$T/m.plumb" "$T/other.csv"
    [[ "$output" == *"'load'"* ]]
    lin-train -q -L 6 -H 3 --season 24:1 "$T/s.csv" -o "$T/season.plumb"
    cut -d, -f 2 "$T/s.csv" >"$T/bare.csv"
    fails 3 "lin-forecast: $T/bare.csv: the model's seasons count from time stamps, but the data has none" \
        lin-forecast "$T/season.plumb" "$T/bare.csv"
    lin-train -q -L 6 -H 3 --season 24:1 "$T/bare.csv" -o "$T/season.plumb"
    fails 3 "lin-forecast: $T/s.csv: the model's seasons count from the first row it was trained on, but the data has time stamps" \
        lin-forecast "$T/season.plumb" "$T/s.csv"
    fails 2 "lin-forecast: --follow needs a MODEL (make one with lin-train)" lin-forecast --follow
    fails 2 "lin-forecast: MODEL and DATA cannot both be standard input" lin-forecast - -
}

@test "a full device, also behind a live forecast" {
    make_noise 3000 >"$T/s.csv"
    lin-train -q -L 30 -H 2 "$T/s.csv" -o "$T/m.plumb"
    for how in "" --csv "--follow --csv" --follow; do
        run -5 sh -c 'lin-forecast $1 "$2" "$3" >/dev/full' - "$how" "$T/m.plumb" "$T/s.csv"
        [[ "$output" == *"No space left on device"* ]]
    done
}

@test "the history makes it again" {
    lin-train -q -L 30 -H 5 "$TOP/data/elnino_monthly.csv" -o "$T/m.plumb"
    lin-forecast "$T/m.plumb" "$TOP/data/elnino_monthly.csv" -o "$T/f.plumb"
    ts-info --history "$T/f.plumb" | sh 2>/dev/null >"$T/again.plumb"
    ts-diff "$T/f.plumb" "$T/again.plumb"
}

@test "series that are too short are named and left out" {
    { echo id,load; make_ramp 60 | sed '1d; s/^[^,]*/a/'; make_ramp 4 | sed '1d; s/^[^,]*/b/'; echo c,1; } >"$T/s.csv"
    sed '/^[bc]/d' "$T/s.csv" >"$T/a.csv"
    sed '/^a/d' "$T/s.csv" >"$T/bc.csv"
    lin-train -q -L 6 -H 3 --id id "$T/s.csv" -o "$T/m.plumb"
    fails 0 "lin-forecast: warning: series 'b' has 4 rows; the model's lookback of 6 needs at least as many; it is left out (and 1 more)" \
        lin-forecast --id id --csv "$T/m.plumb" "$T/s.csv"
    lin-forecast --id id --csv "$T/m.plumb" "$T/a.csv" | cmp - "$T/stdout"
    [ "$(wc -l <"$T/stdout")" = 4 ]
    fails 3 "lin-forecast: series 'b' has 4 rows; the model's lookback of 6 needs at least as many" \
        lin-forecast --id id --csv "$T/m.plumb" "$T/bc.csv"
}

@test "a failure before the first byte reaches the next tool" {
    make_ramp 60 | sed '20s/,.*/,/' >"$T/hole.csv"
    make_ramp 60 >"$T/s.csv"
    lin-train -q -L 6 -H 3 "$T/s.csv" -o "$T/m.plumb"
    hole="$T/hole.csv: 1 missing value, the first in row 19 (2024-02-28 18:00:00), column 'load'; give --missing gap, linear or seasonal"
    fails 4 "lin-forecast: upstream lin-train failed: $hole" \
        sh -c 'lin-train -L 6 -H 3 "$1/hole.csv" 2>"$1/first" | lin-forecast - "$1/s.csv"' - "$T"
    says "lin-train: $hole" cat "$T/first"
    fails 4 "ts-export: upstream lin-forecast failed: $hole" \
        sh -c 'lin-forecast "$1/m.plumb" "$1/hole.csv" 2>"$1/first" | ts-export -f csv' - "$T"
    run -0 sh -c 'lin-merge "$1/s.csv" 2>&1 >/dev/null | cat' - "$T"
    fails 4 "lin-eval: upstream lin-merge failed: ${output#lin-merge: }" \
        sh -c 'lin-merge "$1/s.csv" 2>/dev/null | lin-eval - "$1/s.csv"' - "$T"
    # a reader that has gone does not keep the reason from people
    status=$(sh -c '(sleep 0.2; lin-train "$1/hole.csv" 2>"$1/first"; echo $? >&3) | :' - "$T" 3>&1)
    says "3 lin-train: $hole" echo "$status" "$(cat "$T/first")"
}
