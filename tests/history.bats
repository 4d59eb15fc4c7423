load helper
bats_require_minimum_version 1.5.0
# Histories: what `ts-info --history` prints makes the stream again.

setup() {
    cp "$TOP/data/elnino_monthly.csv" "$T/sst.csv" && cd "$T"
    { head -n 1 sst.csv; sed -n '402,$p' sst.csv; } >late.csv
    head -n 401 sst.csv >early.csv
}

# again FILE: its history, run in an empty shell, gives the same tensors
again() {
    ts-info --history "$1" >script || return
    sh script >again.plumb || { cat script; return 1; }
    ts-check again.plumb >checked || { cat checked; return 1; }
    ts-diff "$1" again.plumb || { cat script; return 1; }
    # the script may come by the very pipe that sh reads
    ts-info --history "$1" | sh >again.plumb && ts-diff "$1" again.plumb
}

@test "an import" {
    ts-import sst.csv -o c.plumb
    again c.plumb
    says "$(ts-info --history c.plumb | tail -n 1)" echo "ts-import sst.csv"
}

@test "a pipe" {
    ts-import sst.csv | ts-select -n 's*' | lin-train -q -L 36 -H 12 -o m.plumb
    again m.plumb
    [ "$(grep -c ' |$' script)" = 2 ]
    ! grep -q mktemp script || return 1
}

@test "a model trained from a CSV file; idle options are not in its history" {
    lin-train -q -j 2 -m nlinear -L 36 -H 12 early.csv -o m.plumb
    again m.plumb
    says "lin-train -m nlinear -L 36 -H 12 early.csv" tail -n 1 script
}

@test "an updated model: two inputs, one of them made again under another name" {
    lin-train -q -L 36 -H 12 early.csv -o m.plumb
    lin-train -q --update m.plumb late.csv -o m2.plumb
    rm m.plumb
    again m2.plumb
    grep -q '^lin-train --update "$folder"/1.plumb late.csv$' script
    [ -z "$(ls -d /tmp/tmp.*/[0-9].plumb 2>/dev/null)" ]
}

@test "a merged model, of names that sh must not understand" {
    cp early.csv 'the $early; one.csv'
    lin-train -q -L 36 -H 12 --scale none 'the $early; one.csv' -o "it's a.plumb"
    lin-train -q -L 36 -H 12 --scale none late.csv -o b.plumb
    lin-merge "it's a.plumb" b.plumb -o ab.plumb
    rm b.plumb "it's a.plumb"
    again ab.plumb
}

@test "standard input that came from nowhere is asked for" {
    lin-train -q -L 36 -H 12 - <early.csv >m.plumb
    ts-info --history m.plumb >script
    run ! sh script
    [[ "$output" =~ "input1: set it to the file that was standard input, sum x" ]]
    input1=early.csv sh script >again.plumb
    ts-diff m.plumb again.plumb
}

@test "a stream without a history" {
    ts-import --no-history sst.csv -o c.plumb
    run -3 ts-info --history c.plumb
}

@test "a state of a text: made again, and never in the file that it is in" {
    head -c 2000 "$TOP/data/shakespeare.txt" >text
    lin-train -q -m gla -s dim=8 -s heads=1 -s layers=1 -s mlp=8 --seq 16 --batch 2 --steps 2 text -o m.plumb
    printf 'state: st\n' >config
    for how in '--state st' '-s state=st' '-c config'; do
        rm -f st
        lin-generate -n 10 --prompt st $how m.plumb >/dev/null
        cp st first
        again st
        cmp st first
    done
    printf 'to be' >prompt
    lin-generate -n 10 --prompt-file - --state st m.plumb <prompt >/dev/null
    cp st second
    ts-info --history st >script
    run ! sh script
    [[ "$output" =~ "before2: set it to a file with what was gone on with, sum x" ]]
    run ! env before2=first sh script
    [[ "$output" =~ "input2: set it to the file that was standard input, sum x" ]]
    before2=first input2=prompt sh script >again.plumb
    ts-diff st again.plumb
    cmp st second
    ts-select -n layer.0.S st -o one
    before2=first input2=prompt sh -c 'ts-info --history one | sh' >again.plumb
    ts-diff one again.plumb
}
