load helper

setup() {
    cd "$T"
    awk 'BEGIN {
        print "time,load"
        for (i = 0; i < 480; i++)
            printf "%s,%.4f\n", strftime("%Y-%m-%d %H:%M", 1704067200 + 3600 * i, 1),
                50 + 10 * sin(i * 0.2617993878) + i / 50 + (i * i * 7919 % 101) / 25
    }' >waves.csv
    head -n 241 waves.csv >first.csv
    sed 2,242d waves.csv >second.csv # one row between them is in neither
    sed '242s/,.*/,/' waves.csv >gap.csv
}

same() {
    for name in weight bias; do
        ts-diff --rtol 1e-7 --atol 1e-7 <(ts-select -n $name "$1") <(ts-select -n $name "$2")
    done
}

@test "shards merged are pieces with a gap between them" {
    for options in '--scale none' '--stats channel' '--stats channel --individual'; do
        for name in first second; do
            lin-train -q -L 24 -H 6 --ridge 0.01 $options $name.csv -o $name.plumb
        done
        lin-train -q -L 24 -H 6 --ridge 0.01 $options --missing gap gap.csv -o gap.plumb
        says 'lin-merge: 2 models, 421 windows' sh -c 'lin-merge first.plumb second.plumb 2>&1 >both.plumb'
        same gap.plumb both.plumb
        lin-merge -q second.plumb first.plumb -o reversed.plumb
        same both.plumb reversed.plumb
        cat first.plumb second.plumb | lin-merge -q -o piped.plumb
        ts-diff both.plumb piped.plumb
    done
}

@test "models that cannot be added" {
    lin-train -q -L 24 -H 6 first.csv -o first.plumb
    lin-train -q -L 24 -H 6 second.csv -o second.plumb
    fails 3 "lin-merge: second.plumb: the models differ in the scaler of column 'load': mean 54.3832 and 59.1878; train them with --stats channel, or --scale none" \
        lin-merge first.plumb second.plumb
    lin-train -q -L 12 -H 6 second.csv -o second.plumb
    fails 3 'lin-merge: second.plumb: the models differ in lookback: 24 and 12' lin-merge first.plumb second.plumb
    lin-train -q -m mean -L 24 -H 6 second.csv -o second.plumb
    fails 3 'lin-merge: second.plumb: the models differ in type: nlinear and mean' lin-merge first.plumb second.plumb
    lin-train -q -L 24 -H 6 --calendar hour second.csv -o second.plumb
    fails 3 'lin-merge: second.plumb: the models differ in their calendar terms' lin-merge first.plumb second.plumb
    lin-train -q -L 24 -H 6 --stats none first.csv -o first.plumb
    lin-train -q -L 24 -H 6 --stats none second.csv -o second.plumb
    fails 3 'lin-merge: second.plumb: the models carry no statistics to add (they were trained with --stats none)' \
        lin-merge first.plumb second.plumb
    ts-import first.csv -o series.plumb
    fails 3 "lin-merge: series.plumb: expected a model, found series (make one with lin-train)" \
        lin-merge series.plumb
}

@test "rows in both shards are noticed" {
    lin-train -q -L 24 -H 6 first.csv -o first.plumb
    fails 0 'lin-merge: warning: rows that both models were trained on count twice
lin-merge: 2 models, 422 windows' \
        lin-merge first.plumb first.plumb
}

@test "series of two models stand side by side" {
    for name in north south; do
        awk -F, -v name=$name 'NR == 1 { print "shop," $0 } NR > 1 { print name "," $1 "," $2 * length(name) }' \
            waves.csv >$name.csv
        lin-train -q --id shop -L 24 -H 6 --ridge 0.01 $name.csv -o $name.plumb
    done
    { cat north.csv; sed 1d south.csv; } >both.csv
    lin-train -q --id shop -L 24 -H 6 --ridge 0.01 both.csv -o all.plumb
    lin-merge -q north.plumb south.plumb -o both.plumb
    same all.plumb both.plumb
    ts-diff <(ts-select -n 'scaler.*' all.plumb) <(ts-select -n 'scaler.*' both.plumb)
    ts-diff <(ts-select -n 'tail.*' all.plumb) <(ts-select -n 'tail.*' both.plumb)
}
