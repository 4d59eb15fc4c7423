load helper
bats_require_minimum_version 1.5.0

# waves ROWS [FIRST]: hourly rows of two daily waves with a trend, from row FIRST on.
waves() {
    awk -v rows="$1" -v first="${2:-0}" 'BEGIN {
        print "time,load,wind"
        for (i = first; i < first + rows; i++)
            printf "%s,%.4f,%.4f\n", strftime("%Y-%m-%d %H:%M", 1704067200 + 3600 * i, 1),
                50 + 10 * sin(i * 0.2617993878) + i / 50 + (i * i * 7919 % 101) / 25,
                5 + 3 * cos(i * 0.2617993878) + (i * i * 104729 % 97) / 20
    }'
}

setup() {
    cd "$T"
    waves 480 >waves.csv
}

# document MODEL NAME: the text of a document of a model.
document() {
    ts-info --json "$1" >/dev/null && grep -a -A 40 -- "{meta: $2," "$1" | sed -e 1d -e '/^# end/,$d'
}

@test "the report stands on standard error, the model alone on standard output" {
    lin-train -L 24 -H 6 waves.csv >m.plumb 2>report
    ts-check m.plumb
    says 'lin-train: nlinear, lookback 24, horizon 6, ridge 0.001: 480 rows, 902 windows of 2 columns
lin-train:                            validation                  test
lin-train: standardised           mse        mae        mse        mae' sed -n '1,3p' report
    [ "$(sed 1,3d report | awk '{ print $2 }' | tr '\n' ' ')" = 'nlinear repeat seasonal-naive ' ]
    lin-train -q -L 24 -H 6 waves.csv 2>report | cmp - <(lin-train -q -L 24 -H 6 waves.csv)
    [ ! -s report ]
}

@test "the same bytes for any number of threads" {
    for options in '-m auto' '--individual' '--season 24:2 --past-columns wind'; do
        lin-train -q -j 1 -L 24 -H 6 $options --no-history waves.csv -o one.plumb
        lin-train -q -j 4 -L 24 -H 6 $options --no-history waves.csv -o four.plumb
        cmp one.plumb four.plumb
    done
}

@test "every model fits, and the model document says how" {
    for model in nlinear dlinear linear mean auto; do
        lin-train -q -m $model -L 24 -H 6 waves.csv -o $model.plumb
        document $model.plumb model | grep -q '^lookback: 24$'
    done
    document mean.plumb model | grep -q '^type: mean$'
    ts-diff -q dlinear.plumb linear.plumb
    lin-train -q --solver adam --epochs 2 -L 24 -H 6 --split 0.7,0.1,0.2 waves.csv -o adam.plumb
    document adam.plumb model | grep -q '^solver: adam$'
    document adam.plumb model | grep -q '^held_out: true$'
}

@test "a model is made again from its history, updates and merges too" {
    lin-train -q -L 24 -H 6 waves.csv -o m.plumb
    waves 48 480 >more.csv
    lin-train -q --update m.plumb more.csv -o m2.plumb
    lin-merge -q m.plumb m.plumb -o twice.plumb 2>/dev/null
    for model in m m2 twice; do
        ts-info --history $model.plumb | sh >again.plumb 2>/dev/null
        ts-diff $model.plumb again.plumb
    done
}

@test "an update is a fit to all rows" {
    waves 400 >old.csv
    lin-train -q -L 24 -H 6 --scale none --ridge 0.01 old.csv -o old.plumb
    lin-train -q -L 24 -H 6 --scale none --ridge 0.01 waves.csv -o all.plumb
    lin-train --update old.plumb waves.csv -o new.plumb 2>report
    says 'lin-train: warning: waves.csv: 400 rows up to 2024-01-17 15:00:00 were seen before, skipped
lin-train: 160 windows added, 902 in all' sed -n '1,2p' report
    for name in weight bias tail.values stats.xx; do
        ts-diff --rtol 1e-6 --atol 1e-6 <(ts-select -n $name all.plumb) <(ts-select -n $name new.plumb)
    done
    lin-train -q -L 24 -H 6 --stats channel --ridge 0.01 old.csv -o old.plumb
    lin-train -q -L 24 -H 6 --stats channel --ridge 0.01 waves.csv -o all.plumb
    lin-train -q --update old.plumb --rescale <(waves 80 400) -o new.plumb
    for name in weight bias scaler.mean scaler.scale; do
        ts-diff --rtol 1e-6 --atol 1e-6 <(ts-select -n $name all.plumb) <(ts-select -n $name new.plumb)
    done
}

@test "an update refuses what does not go on, and options that say otherwise" {
    lin-train -q -L 24 -H 6 waves.csv -o m.plumb
    waves 48 500 >later.csv
    fails 3 "lin-train: later.csv: row 1 (2024-01-21 20:00:00): 20 rows are absent after the model's \
last one, 2024-01-20 23:00:00; --missing gap goes on without them" lin-train --update m.plumb later.csv
    lin-train -q --update m.plumb --missing gap later.csv -o gap.plumb
    fails 3 'lin-train: waves.csv: no rows that the model has not seen' lin-train -q --update m.plumb waves.csv
    fails 2 'lin-train: --lookback: --update keeps the configuration of the model' \
        lin-train --update m.plumb -L 12 later.csv
    fails 3 'lin-train: --rescale needs statistics of each channel: train with --stats channel' \
        lin-train --update m.plumb --rescale --missing gap later.csv
    fails 2 'lin-train: --forget has an effect only with --update' lin-train --forget 0.5 waves.csv
    lin-train -q -L 24 -H 6 --stats none waves.csv -o bare.plumb
    fails 3 'lin-train: the model carries no statistics to update: it was trained with --stats none' \
        lin-train --update bare.plumb --missing gap later.csv
    fails 3 'lin-train: waves.csv: expected a model, found series (make one with lin-train)' \
        lin-train --update waves.csv later.csv
    cut -d, -f 2- later.csv >bare.csv
    fails 3 'lin-train: bare.csv: expected time stamps that go on from those of the model, found none' \
        lin-train --update m.plumb bare.csv
    cut -d, -f 2- waves.csv | lin-train -q -L 24 -H 6 -o rows.plumb
    lin-train -q --update rows.plumb bare.csv -o more.plumb # rows follow one another
    [ "$(document more.plumb model | sed -n 's/^windows: //p')" = 998 ]
}

@test "columns in their roles" {
    lin-train -q -L 24 -H 6 --target load --past-columns wind waves.csv -o m.plumb
    [ "$(ts-select -n series.names m.plumb | strings | sed -n '/^load/,/^wind/p' | tr '\n' ' ')" = 'load wind ' ]
    document m.plumb model | grep -q '^past: 1$'
    lin-train -q -L 24 -H 6 --target-only waves.csv -o m.plumb
    document m.plumb model | grep -q '^targets: 1$'
    fails 3 "lin-train: waves.csv: no column 'OT'; there are: load, wind" lin-train --target OT waves.csv
    fails 3 "lin-train: waves.csv: column 'load' has two roles" \
        lin-train --target load --future-columns load waves.csv
    fails 3 "lin-train: waves.csv: column 'load' is named twice" lin-train --target load,load waves.csv
    fails 3 "lin-train: waves.csv: column 'wind' is named twice" \
        lin-train --target load --past-columns wind,wind waves.csv
    fails 3 'lin-train: waves.csv: no column is left to forecast' \
        lin-train --past-columns load,wind waves.csv
    fails 2 'lin-train: --solver adam takes no regressors: leave out --past-columns, --future-columns, --calendar and --season' \
        lin-train --solver adam -L 24 -H 6 --past-columns wind waves.csv
}

@test "known-future columns and calendar terms lower the error when they tell something" {
    awk -F, 'BEGIN { OFS = "," } NR == 1 { print "time,load,price" }
        NR > 1 { price = NR * NR * 7919 % 103; print $1, $2 + price, price }' waves.csv >priced.csv
    mse() { sed -n 's/.*nlinear  *[0-9.]*  *[0-9.]*  *\([0-9.]*\) .*/\1/p'; }
    plain=$(lin-train -L 24 -H 6 --target load priced.csv 2>&1 >/dev/null | mse)
    known=$(lin-train -L 24 -H 6 --target load --future-columns price priced.csv 2>&1 >m.plumb | mse)
    awk -v plain="$plain" -v known="$known" 'BEGIN { exit !(known < plain / 5) }'
    document m.plumb model | grep -q '^future: 1$'
    lin-train -q -L 24 -H 6 --calendar hour,weekday --season 24:2 waves.csv -o c.plumb
    says '[1, 6, 33]' sh -c "ts-info --json c.plumb | grep -o '\"name\": *\"weight.future\".[^]]*]' | grep -o '\[.*'"
    sed 's/^[^,]*,//' waves.csv >bare.csv
    fails 3 "lin-train: bare.csv: the calendar term 'hour' needs time stamps, and the data has none" \
        lin-train -L 24 -H 6 --calendar hour bare.csv
    printf '2024-01-03 holiday\n# none\n2024-01-10\n' >days
    lin-train -q -L 24 -H 6 --holidays days waves.csv -o h.plumb
    printf '2024-01-03\nsoon\n' >days
    fails 3 "lin-train: days:2: not a date: 'soon'" lin-train -L 24 -H 6 --holidays days waves.csv
}

@test "numbers with a decimal comma are no words" {
    awk 'BEGIN { print "a;b"; for (i = 0; i < 60; i++) print i % 7 ",5;" i * i % 11 }' >comma.csv
    fails 0 "lin-train: warning: comma.csv: column 'a' is text and is left out (--decimal-comma reads it as numbers)" \
        sh -c 'lin-train -L 6 -H 2 comma.csv 2>&1 >m.plumb | head -n 1 >&2'
    fails 0 '' lin-train --decimal-comma -q -L 6 -H 2 comma.csv
}

@test "too few rows, too few windows" {
    head -n 401 waves.csv >short.csv
    fails 3 'lin-train: short.csv: the series has 400 rows; --lookback 336 --horizon 96 needs at least 432 (one window); lower --lookback' \
        lin-train -L 336 -H 96 short.csv
    fails 3 'lin-train: short.csv: the training part of the series has 280 rows; --lookback 336 --horizon 24 needs at least 360 (one window); lower --lookback' \
        lin-train -L 336 -H 24 --split 0.7,0.1,0.2 short.csv
    fails 3 'lin-train: short.csv: --split ett-hour takes 14400 rows, but there are 400' \
        lin-train --split ett-hour short.csv
    lin-train -L 320 -H 24 short.csv >/dev/null 2>report
    grep -q '^lin-train: warning: short.csv: 114 windows for 320 lags: the fit is under-determined and leans on ridge$' report
    head -n 61 waves.csv >tiny.csv
    lin-train tiny.csv >/dev/null 2>report
    grep -q '^lin-train: warning: tiny.csv: the horizon is 6, a tenth of the rows; --horizon sets another$' report
    grep -q '^lin-train: nlinear, lookback 20, horizon 6, ' report
    head -n 2 waves.csv >row.csv
    fails 3 'lin-train: row.csv: the series has 1 row; --lookback 1 --horizon 1 needs at least 2 (one window); lower --lookback' \
        lin-train -q row.csv
    head -n 1 waves.csv >empty.csv
    run -3 lin-train -q empty.csv
}

@test "missing cells, infinities, uneven stamps" {
    sed '100s/,[^,]*$/,/; 200s/,.*,/,,/' waves.csv >holes.csv
    fails 3 "lin-train: holes.csv: 2 missing values, the first in row 99 (2024-01-05 02:00:00), column 'wind'; give --missing gap, linear or seasonal" \
        lin-train -L 24 -H 6 holes.csv
    for policy in gap linear seasonal; do
        lin-train -q -L 24 -H 6 --missing $policy holes.csv -o $policy.plumb
        document $policy.plumb model | grep -q "^missing: $policy$"
    done
    sed '100s/,[^,]*$/,inf/' waves.csv >infinite.csv
    fails 3 "lin-train: infinite.csv: row 99 (2024-01-05 02:00:00), column 'wind': infinite value" \
        lin-train -L 24 -H 6 --missing gap infinite.csv
    # What the table shows has the line of the file; a header and a row are before it.
    sed '100s/,[^,]*$/,soon/' waves.csv >word.csv
    fails 3 "lin-train: word.csv:100: column 3 (wind): not a number: 'soon' (ts-import --missing 'soon' reads it as missing)" \
        lin-train -L 24 -H 6 word.csv
    sed '100s/^[^,]*,/yesterday,/' waves.csv >time.csv
    fails 3 "lin-train: time.csv:100: column 1 (time): not a time like those above: 'yesterday'" \
        lin-train -L 24 -H 6 time.csv
    sed 300d waves.csv >absent.csv
    fails 3 'lin-train: absent.csv: row 299 (2024-01-13 11:00:00): 2 hours after the row before, where the step is 1 hour; give --missing gap to split there, linear or seasonal to fill, or --time none to go by rows' \
        lin-train -L 24 -H 6 absent.csv
    lin-train -L 24 -H 6 --split 0.7,0.1,0.2 absent.csv >/dev/null 2>report
    grep -q '^lin-train: warning: absent.csv: row 299 (2024-01-13 11:00:00): the time stamps are uneven from here on; rows are the clock$' report
    sed 300p waves.csv >doubled.csv
    fails 3 'lin-train: doubled.csv: row 300 (2024-01-13 10:00:00): the time stamp of the row before again; --missing gap splits there, --id COLUMN tells several series of a table apart' \
        lin-train -L 24 -H 6 doubled.csv
}

@test "a constant column" {
    awk -F, 'BEGIN { OFS = "," } { print $1, $2, (NR > 1 ? 7 : "flat") }' waves.csv >flat.csv
    lin-train -L 24 -H 6 flat.csv 2>report >m.plumb
    grep -q "^lin-train: warning: flat.csv: column 'flat' is constant in the training rows$" report
    lin-forecast -q --csv m.plumb flat.csv | awk -F, 'NR > 1 && $3 != 7 { exit 1 }'
}

@test "many series in long format" {
    for name in north south east; do
        waves $((300 + ${#name})) | awk -F, -v name=$name 'NR > 1 { print name "," $1 "," $2 + length(name) }'
    done | sort -t , -k 2,2 | sed '1i shop,time,sales' >long.csv
    printf 'tiny,2024-01-01 00:00,1\ntiny,2024-01-01 01:00,2\n' >>long.csv
    lin-train --id shop -L 24 -H 6 long.csv 2>report >m.plumb
    grep -q "^lin-train: warning: long.csv: series 'tiny' has no run of 30 rows and is left out of the fit$" report
    grep -q '^lin-train: nlinear, lookback 24, horizon 6, ridge [0-9.]*: 916 rows, 827 windows of 4 series$' report
    fails 3 "lin-train: long.csv: series 'tiny' has no run of 30 rows for a map of its own" \
        lin-train --id shop -L 24 -H 6 --individual long.csv
    grep -v tiny long.csv >three.csv
    lin-train -q --id shop -L 24 -H 6 --individual three.csv >m.plumb
    says '[3, 6, 24]' sh -c "ts-info --json m.plumb | grep -o '\"name\": *\"weight\".[^]]*]' | grep -o '\[.*'"
}

@test "options that make no sense" {
    fails 2 "lin-train: --split 'half': not ett-hour, ett-minute, none, or three shares that sum to 1 (0.7,0.1,0.2)" \
        lin-train --split half waves.csv
    fails 2 "lin-train: --ridge 'big': neither auto nor a number from 0 up" lin-train --ridge big waves.csv
    fails 2 "lin-train: --ridge '-1': neither auto nor a number from 0 up" lin-train --ridge=-1 waves.csv
    fails 2 'lin-train: --moving-average 24: must be odd' lin-train -m dlinear --moving-average 24 waves.csv
    fails 2 "lin-train: --calendar 'day': not one of minute, hour, weekday, weekend, monthday, month, quarter, yearday" \
        lin-train --calendar day waves.csv
    fails 2 "lin-train: --season '24:13': not PERIOD:PAIRS (24:3) with a period over 1 and at most half as many pairs" \
        lin-train --season 24:13 waves.csv
    fails 2 'lin-train: --solver adam needs a model: -m nlinear, for example' \
        lin-train -m auto --solver adam waves.csv
    run -2 lin-train -H -1 waves.csv
    run -2 lin-train --forget 0 --update m.plumb waves.csv
}

@test "--list-models and --explain" {
    says 'nlinear: one linear map of the window, its last value taken off before and added after
    --lookback --horizon --individual --solver --ridge --batch --lr --epochs --lr-decay --patience' \
        sh -c 'lin-train --list-models | head -n 2'
    # what is listed can be asked for, or is a baseline
    for model in $(lin-train --list-models | sed -n '/language model/d; /classifier/d; s/^\([a-z][^:]*\): .*/\1/p'); do
        case $model in repeat | seasonal-naive) continue ;; esac
        lin-train -q -m "$model" -L 24 -H 6 waves.csv >/dev/null
    done
    lin-train --explain -L 24 -H 6 waves.csv | grep -qx 'windows: {training: 614, validation: 86, test: 182}'
}

@test "completion knows the models" {
    says 'gla' bash -c 'source <(lin-train --print-options bash)
        COMP_WORDS=(lin-train -m gl) COMP_CWORD=2; _lin_train; echo "${COMPREPLY[*]}"'
}

@test "the closed form on ETTh1 meets the published protocol" {
    need_data data/series/ETTh1.csv
    for row in '96 0.3702 0.3915' '720 0.4344 0.4505'; do
        set -- $row
        lin-train -L 336 -H "$1" --ridge 0 --split ett-hour "$DATA/data/series/ETTh1.csv" 2>&1 >/dev/null |
            grep -q " nlinear .* $2  *$3\$"
    done
}

@test "values whose squares overflow" {
    awk 'BEGIN { print "v"; for (i = 0; i < 100; i++) print (i % 7) "e307" }' >vast.csv
    fails 3 "lin-train: vast.csv: column 'v': values too large to square; divide them first" \
        lin-train -L 6 -H 2 vast.csv
    sed 's/307$/100/' vast.csv >large.csv
    lin-train -q -L 6 -H 2 large.csv >m.plumb
    lin-forecast -q --csv m.plumb large.csv >forecast.csv
    fails 6 'lin-train: large.csv: errors too large to make intervals from; divide the values first' \
        lin-train -q --scale none -L 3 -H 2 large.csv
}
