# lin-task: rows that are what the tasks say, the same for any number of rows; trajectories.
# SPDX-License-Identifier: MIT
load helper

setup() {
    cd "$T"
}

# rows ARGUMENT...: a line a row: tokens, then targets
rows() {
    lin-task "$@" | ts-export -f csv | tail -n +2
}

@test "recall: pairs in front, each key once more behind, where its value is asked for" {
    rows mqar --len 64 --pairs 8 --vocab 40 --rows 200 >rows
    [ "$(wc -l <rows)" = 200 ]
    awk -F, '{
        asked = 0
        delete value
        for (i = 1; i <= 16; i += 2) {
            if ($i < 1 || $i > 19 || $i in value || $(i+1) < 20 || $(i+1) > 39) exit 1
            value[$i] = $(i+1)
        }
        for (i = 1; i <= 64; i++) {
            if ($i < 0 || $i > 39) exit 1
            if ($(64+i) == -1) continue
            if (i <= 16 || i % 2 != 1 || $(64+i) != value[$i]) exit 1
            delete value[$i]
            asked++
        }
        if (asked != 8) exit 1
    }' rows
}

@test "recall: gaps follow the power law" {
    # 4 of 12 gaps; the share of the first gap among the first queries is 1 / sum (j+1)^-0.99
    lin-task mqar --len 26 --pairs 1 --vocab 8 --rows 40000 | ts-select -n targets |
        ts-export -f csv | tail -n +2 | awk -F, '
        { for (i = 3; i <= 26; i += 2) if ($i >= 0) count[(i - 3) / 2]++ }
        END { for (j = 0; j < 12; j++) { p[j] = (j + 1) ^ -0.99; sum += p[j] }
              for (j = 0; j < 12; j++) {
                  d = count[j] / NR - p[j] / sum
                  if (d > 0.01 || d < -0.01) { print j, count[j] / NR, p[j] / sum; exit 1 } } }'
}

@test "groups: a begin token in front, products behind" {
    rows group --group S3 --len 40 --rows 100 >rows
    awk -F, 'BEGIN { split("0 1 2 3 4 5 1 0 4 5 2 3 2 3 0 1 5 4 3 2 5 4 0 1 4 5 1 0 3 2 5 4 3 2 1 0", table, " ") }
        { if ($1 != 6 || $42 != 6) exit 1
          product = 0
          for (i = 2; i <= 41; i++) {
              product = table[product * 6 + $i + 1]
              if ($(41+i) != product) exit 1
              seen[$i]++
          } }
        END { for (i = 0; i < 6; i++) if (seen[i] < 550) exit 1 }' rows
    rows group --group Z5 --len 10 --rows 50 | awk -F, '
        { sum = 0; for (i = 2; i <= 11; i++) { sum += $i; if ($(11+i) != sum % 5) exit 1 } }'
    lin-task group --group S6 --rows 2 | ts-info | grep -q '^tokens   u16'
    lin-task group --group A5 --rows 2 >a5.plumb
    says "vocabulary: 61
bos: 60
task: group" ts-info --meta tokens a5.plumb
}

@test "copying: symbols, blanks, a mark; the symbols are asked for behind it" {
    rows copy --len 5 --gap 7 --vocab 12 --rows 100 | awk -F, '{
        for (i = 1; i <= 17; i++) {
            if (i <= 5 && ($i < 2 || $i > 11)) exit 1
            if (i > 5 && $i != (i == 13)) exit 1
            if ($(17+i) != (i < 13 ? -1 : $(i-12))) exit 1
        } }'
}

@test "rows do not depend on their number, on threads or on the length of a block" {
    for task in "mqar --pairs 2" "group --len 300" copy; do
        rows $task --rows 1500 >many
        rows $task --rows 7 >few
        head -n 7 many | cmp - few
        lin-task $task --rows 1500 -j 1 >one
        lin-task $task --rows 1500 -j 3 | cmp - one
        rows $task --rows 7 --seed 1 >other
        ! cmp -s few other || return 1
    done
    lin-task lorenz --rows 50 | ts-select --rows :20 | ts-export -f csv >few
    lin-task lorenz --rows 20 | ts-export -f csv | cmp - few
    for kind in lorenz roessler; do # the documented defaults
        parameters=$(lin-task --help | tr -s ' \n' '  ' | grep -o "$kind: [a-z, ]* and [a-z]* ([^)]*)" | sed 's/.*(\(.*\))/\1/')
        lin-task --no-history --parameters "$parameters" --rows 20 $kind | cmp - <(lin-task --no-history --rows 20 $kind)
    done
    lin-task mqar --rows 0 | ts-check -q
}

@test "long rows and many, in little memory" {
    [ -z "$CHECKER" ] || skip "memory is no measure here"
    lin-task copy --len 3000000 --rows 1 | ts-check -q
    /usr/bin/time -f %M -o memory lin-task group --len 100 --rows 200000 | ts-info >info
    grep -q '^targets  i32    \[200000, 101\]' info
    [ "$(cat memory)" -lt 20000 ]
}

@test "trajectories: the moments of the attractors" {
    # mean and deviation, as known for a long time
    moments() {
        lin-task "$1" --rows 100000 | ts-export -f csv | tail -n +2 | awk -F, -v want="$2" '
            { for (i = 1; i <= 3; i++) { sum[i] += $i; square[i] += $i * $i } }
            END { split(want, w, " ")
                for (i = 1; i <= 3; i++) {
                    mean = sum[i] / NR; deviation = sqrt(square[i] / NR - mean * mean)
                    d = deviation / w[i] - 1; m = mean - w[i+3]
                    if (d > 0.03 || d < -0.03 || m > 0.8 || m < -0.8) { print i, mean, deviation; exit 1 }
                } }'
    }
    moments lorenz "7.9 9 8.66 0 0 23.5"
    moments roessler "5.13 4.82 2.87 0.17 -0.88 0.88"
    lin-task lorenz --rows 3 | ts-export -f csv | head -n 1 >header
    says x,y,z cat header
    lin-task lorenz --parameters 10,10,2.6 --rows 1 --skip 20000 | ts-export -f csv | tail -n 1 |
        awk -F, '{ d = $3 - 9; if (d > 0.001 || d < -0.001) exit 1 }' # the fixed point z = rho - 1
}

@test "what does not fit is refused" {
    fails 2 "lin-task: unknown task 'parity': there is mqar, group, copy, lorenz, roessler" lin-task parity
    fails 2 "lin-task: --pairs is not for group" lin-task group --pairs 3
    fails 2 "lin-task: --group is not for lorenz" lin-task lorenz --group S3
    fails 2 "lin-task: S9 has 362880 elements; limit is 5040" lin-task group --group S9 -o out.plumb
    [ ! -e out.plumb ]
    fails 2 "lin-task: 20 pairs need an even vocabulary of at least 42, not 32" lin-task mqar --pairs 20 --len 100
    fails 2 "lin-task: 4 pairs need an even vocabulary of at least 10, not 33" lin-task mqar --vocab 33
    fails 2 "lin-task: 10 pairs need rows of at least 40 tokens, not 32" lin-task mqar --pairs 10
    fails 2 "lin-task: copying needs a vocabulary of at least 3 (blank, mark, symbols), not 2" lin-task copy --vocab 2
    fails 2 "lin-task: --parameters '1,2': not three numbers" lin-task lorenz --parameters 1,2
    fails 2 "lin-task: --parameters '1,2,3,4': not three numbers" lin-task lorenz --parameters 1,2,3,4
    fails 2 "lin-task: --parameters '1,2,nan': not three numbers" lin-task lorenz --parameters 1,2,nan
    fails 6 "lin-task: the trajectory left all bounds at step 4 (a smaller --step?)" lin-task lorenz --step 1 -o out.plumb
    [ ! -e out.plumb ]
}
