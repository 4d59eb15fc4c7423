# ts-plot: pictures of series, forecasts, curves and matrices.
# SPDX-License-Identifier: MIT
load helper

need_gnuplot() {
    command -v gnuplot >/dev/null || skip "no gnuplot"
}

# Width and height from the header of a PNG file; fails for anything else.
png_size() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] || return 1
    od -An -j 16 -N 8 -t u1 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }'
}

# absent PATTERN FILE: a function, since Bats does not notice a bare "! command" that fails.
absent() {
    if grep -q "$@"; then
        echo "found: $*"
        return 1
    fi
}

# A forecast as it looks after a way through CSV, and the series that it continues.
make_forecast() {
    {
        echo "date,load,load.lo-80,load.hi-80,load.lo-95,load.hi-95"
        for h in 0 1 2 3 4 5; do echo "2024-03-02 0$h:00,$((10 + h)),$((8 + h)),$((12 + h)),$((6 + h)),$((15 + h))"; done
    } >"$T/forecast.csv"
    {
        echo "date,load"
        for h in 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do echo "2024-03-01 $h:00,$((h % 7 + 5))"; done
        for h in 0 1 2; do echo "2024-03-02 0$h:00,$((9 + h))"; done
    } >"$T/past.csv"
}

@test "a series as PNG, in the size asked for" {
    need_gnuplot
    ts-plot -n sst -o "$T/a.png" "$TOP/data/elnino_monthly.csv"
    [ "$(png_size "$T/a.png")" = 1000x414 ]
    ts-plot -n sst --size 640x320 "$TOP/data/elnino_monthly.csv" >"$T/b.png"
    [ "$(png_size "$T/b.png")" = 640x320 ]
}

@test "the suffix of the output chooses the format" {
    need_gnuplot
    ts-plot -o "$T/a.svg" "$TOP/data/elnino_monthly.csv"
    head -n 5 "$T/a.svg" | grep -q '<svg'
    ts-plot -o "$T/a.txt" "$TOP/data/elnino_monthly.csv"
    head -n 1 "$T/a.txt" | grep -qx sst
    ts-plot -f svg -o "$T/a.png" "$TOP/data/elnino_monthly.csv"
    grep -q '<svg' "$T/a.png"
}

@test "equal input gives equal pictures" {
    need_gnuplot
    ts-plot -o "$T/a.svg" "$TOP/data/seattle.csv"
    ts-plot -o "$T/b.svg" "$TOP/data/seattle.csv"
    cmp "$T/a.svg" "$T/b.svg"
}

@test "a picture in ASCII" {
    printf 'v\n0\n1\n2\n3\n4\n3\n2\n1\n0\n' >"$T/v.csv"
    ts-plot -f term --size 40x12 "$T/v.csv" | diff - <(cat <<'END'
v
       4 +               *
         |            ******
         |         ***      ***
       2 +      ***            ***
         |    **                  **
         | ***                      ***
       0 +*                            *
         ++-----------------+-----------
          0                 5
END
    )
}

@test "Braille where the locale is UTF-8, ASCII elsewhere" {
    LC_ALL=C.UTF-8 ts-plot -f term "$TOP/data/elnino_monthly.csv" >"$T/braille"
    LC_ALL=C.UTF-8 grep -q '⠤\|⢸\|⡇' "$T/braille"
    LC_ALL=C ts-plot -f term "$TOP/data/elnino_monthly.csv" >"$T/ascii"
    LC_ALL=C absent '[^ -~]' "$T/ascii"
    LC_ALL= LC_CTYPE= LANG=de_DE.utf8 ts-plot -f term "$TOP/data/elnino_monthly.csv" | cmp - "$T/braille"
}

@test "no colours outside a terminal" {
    make_forecast
    ts-plot -f term "$T/forecast.csv" "$T/past.csv" >"$T/out"
    absent "$(printf '\033')" "$T/out"
}

@test "a forecast has its bands, its past and what came true" {
    need_gnuplot
    make_forecast
    ts-plot -o "$T/a.svg" "$T/forecast.csv" "$T/past.csv"
    for word in observed forecast '80 %' '95 %' load; do grep -q ">.*$word" "$T/a.svg"; done
    ts-plot -o "$T/b.svg" "$T/forecast.csv"
    absent observed "$T/b.svg"
    LC_ALL=C ts-plot -f term --size 60x16 "$T/forecast.csv" "$T/past.csv" >"$T/out"
    head -n 1 "$T/out" | grep -qx 'load  \*\* observed  oo forecast  :: 80 %  .. 95 %'
}

@test "long format: a chart for each series" {
    ts-import --id rider --time date --value hires "$TOP/data/bike_daily.csv" >"$T/long.plumb"
    ts-plot -f term "$T/long.plumb" >"$T/out"
    grep -qx 'casual: hires' "$T/out"
    grep -qx 'registered: hires' "$T/out"
    ts-plot -f term -n casual "$T/long.plumb" >"$T/out"
    absent registered "$T/out"
    ts-plot -f term --id rider "$TOP/data/bike_daily.csv" | grep -qx 'registered: hires'
    lin-train -q --id rider -L 28 -H 7 "$TOP/data/bike_daily.csv" |
        lin-forecast -q --id rider - "$TOP/data/bike_daily.csv" |
        ts-plot -f term --id rider - "$TOP/data/bike_daily.csv" >"$T/out"
    [ "$(grep -c ': hires  .* observed .* forecast' "$T/out")" = 2 ]
}

@test "curves over a column step or epoch share a chart" {
    printf 'epoch,train_loss,valid_loss,rate\n1,3,4,0.5\n2,2,3.5,0.25\n3,1.5,3,0.125\n' >"$T/curves.csv"
    ts-plot -f term "$T/curves.csv" >"$T/out"
    grep -q '^loss  .* train_loss  .* valid_loss$' "$T/out"
    grep -qx rate "$T/out"
    [ "$(grep -c '^[a-z]' "$T/out")" = 2 ]
}

@test "matrices are heat maps" {
    need_gnuplot
    ts-plot --matrix -o "$T/m.png" "$TOP/data/elnino.csv"
    [ "$(png_size "$T/m.png")" = 1000x414 ]
    ts-plot --matrix -f term "$TOP/data/elnino.csv" >"$T/out"
    head -n 1 "$T/out" | grep -q '^values \[61, 12\]  '
    printf '1,-2\n' | ts-plot --matrix -f svg >"$T/m.svg" # one row, both signs
    grep -q '<image' "$T/m.svg"
}

@test "a single row has its day around it" {
    printf 'date,v\n2024-01-01,1\n' | LC_ALL=C ts-plot -f term --size 60x12 >"$T/out"
    grep -q '00:00 ' "$T/out"
    grep -q '1 Jan 2024' "$T/out"
}

@test "the parameters of a model are heat maps" {
    lin-train -q -L 24 -H 6 "$TOP/data/elnino_monthly.csv" | ts-plot -f term -n weight >"$T/out"
    head -n 1 "$T/out" | grep -q '^weight \[1, 6, 24\]  '
}

@test "more charts than there is room for" {
    awk 'BEGIN { for (i = 1; i <= 11; i++) printf "c%d%s", i, i < 11 ? "," : "\n"
                 for (r = 0; r < 3; r++) for (i = 1; i <= 11; i++) printf "%d%s", i * r, i < 11 ? "," : "\n" }' >"$T/wide.csv"
    fails 0 "ts-plot: drew the first 8 of 11 charts; choose others with -n" ts-plot -f term "$T/wide.csv"
    fails 0 "" ts-plot -q -f term "$T/wide.csv"
    fails 0 "" ts-plot -f term -n 'c1*' "$T/wide.csv"
    grep -qx c11 "$T/stdout"
    fails 0 "" ts-plot -f term -n 'c1*' -n '!c10' "$T/wide.csv"
    [ "$(grep -c '^c' "$T/stdout")" = 2 ]
}

@test "names cannot command gnuplot or the terminal" {
    need_gnuplot
    cd "$T"
    printf '%s\n' "\`touch hacked\`,'.system(\"touch hacked\").',a\$\"b\\n%%s@x#{}" '1,2,3' '2,3,4' >odd.csv
    ts-plot -o odd.svg odd.csv
    ts-plot -o odd.png --title "it's \`touch hacked\` @a" odd.csv
    [ ! -e hacked ]
    grep -q 'touch hacked' odd.svg
    printf 'red\033[31m\tend\302\233,b\n1,2\n2,1\n' >escape.csv
    ts-import -f csv escape.csv | ts-plot -f term >out
    absent "$(printf '\033')" out
}

@test "constant, empty and missing values" {
    need_gnuplot
    printf 'a,b\n5,\n5,\n5,\n' >"$T/constant.csv"
    ts-plot -o "$T/a.png" "$T/constant.csv"
    ts-plot -f term "$T/constant.csv" >"$T/out"
    printf 'a\n1e308\n-1e308\n1\n' >"$T/huge.csv"
    ts-plot -f term "$T/huge.csv" >"$T/out"
    ts-plot -o "$T/a.png" "$T/huge.csv"
}

@test "a million points keep their spike" {
    need_gnuplot
    awk 'BEGIN { print "v"; for (i = 0; i < 300000; i++) print i == 123456 ? 100 : i % 2 }' >"$T/long.csv"
    ts-plot -o "$T/long.svg" "$T/long.csv"
    [ "$(wc -c <"$T/long.svg")" -lt 500000 ]
    grep -q '>100<' "$T/long.svg"
}

@test "without gnuplot: exit 5 and no file, but term still works" {
    mkdir "$T/bin"
    for tool in ts-plot cat; do ln -s "$(command -v $tool)" "$T/bin/"; done
    PATH=$T/bin fails 5 "ts-plot: gnuplot is not installed: run 'apt-get install gnuplot-nox', or draw in the terminal with -f term" \
        ts-plot -o "$T/a.png" "$TOP/data/elnino_monthly.csv"
    [ ! -e "$T/a.png" ]
    PATH=$T/bin ts-plot -f term "$TOP/data/elnino_monthly.csv" >"$T/out"
}

@test "when gnuplot fails, its reason is passed on" {
    mkdir "$T/bin"
    printf '#!/bin/sh\necho noise >&2\necho "line 7: undefined variable" >&2\nexit 1\n' >"$T/bin/gnuplot"
    chmod +x "$T/bin/gnuplot"
    PATH=$T/bin:$PATH fails 5 "ts-plot: gnuplot failed: line 7: undefined variable" \
        ts-plot -o "$T/a.png" "$TOP/data/elnino_monthly.csv"
    [ ! -e "$T/a.png" ]
}

@test "what cannot be drawn is said" {
    fails 3 "ts-plot: $TOP/data/seattle.csv: nothing to draw is named 'snow'" \
        ts-plot -f term -n snow "$TOP/data/seattle.csv"
    fails 3 "ts-plot: $TOP/data/elnino_monthly.csv: nothing is left to draw" \
        ts-plot -f term -n '!sst' "$TOP/data/elnino_monthly.csv"
    fails 2 "ts-plot: --size 'big': expected WIDTHxHEIGHT" ts-plot --size big "$TOP/data/seattle.csv"
    fails 2 "ts-plot: --size '9x9': each side must be between 100 and 16384" \
        ts-plot --size 9x9 "$TOP/data/seattle.csv"
}

@test "a full disk is an error" {
    need_gnuplot
    [ -e /dev/full ] || skip "no /dev/full"
    for format in png svg term; do
        fails 5 "ts-plot: cannot write '/dev/full': No space left on device" \
            ts-plot -f $format -o /dev/full "$TOP/data/elnino_monthly.csv"
    done
}

@test "a picture that gnuplot could not finish is not passed on" {
    mkdir "$T/bin"
    printf '#!/bin/sh\nprintf "\\211PNG half a picture"\n' >"$T/bin/gnuplot"
    chmod +x "$T/bin/gnuplot"
    PATH=$T/bin:$PATH fails 5 \
        "ts-plot: gnuplot's picture is cut short; is the disk for temporary files full?" \
        ts-plot -o "$T/a.png" "$TOP/data/elnino_monthly.csv"
    [ ! -e "$T/a.png" ]
}
