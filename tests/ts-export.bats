load helper

csv() {
    printf "$1" | ts-import -q -o "$T/s.plumb"
}

@test "a table comes back as it was" {
    for file in beijing.csv bike_daily.csv illness.csv seattle.csv elnino_monthly.csv; do
        ts-import "$TOP/data/$file" | ts-export >"$T/out.csv"
        ts-import --no-history "$T/out.csv" >"$T/again.plumb"
        ts-import --no-history "$TOP/data/$file" | cmp - "$T/again.plumb"
        head -n 1 "$TOP/data/$file" | tr -d '"\r' | says "$(head -n 1 "$T/out.csv")" cat
    done
}

@test "export, import and export again is the identity" {
    printf 't,w,x\n2024-01-01,"a, ""b""",1e300\n2024-01-02,,-0.1\n2024-01-03," c",\n' >"$T/a.csv"
    ts-import "$T/a.csv" | ts-export >"$T/b.csv"
    ts-export "$T/b.csv" | cmp - "$T/b.csv"
    cmp "$T/b.csv" - <<'END'
t,w,x
2024-01-01,"a, ""b""",1e+300
2024-01-02,,-0.1
2024-01-03," c",
END
}

@test "the shortest digits that read back" {
    csv 'x\n0.1\n1e23\n123456789012345680\n5e-324\n1.7976931348623157e308\n17.445999145507812\n2\n'
    says $'x\n0.1\n1e+23\n1.2345678901234568e+17\n5e-324\n1.7976931348623157e+308\n17.445999145507812\n2' \
        ts-export "$T/s.plumb"
}

@test "delimiter, precision, missing, no header" {
    csv 'a,b,w\n1.005,2,x;y\n-2.5,,\n'
    says $'a;b;w\n1.00;2.00;"x;y"\n-2.50;-;-' ts-export --delimiter ';' --precision 2 --missing - "$T/s.plumb"
    says $'1.005\t2\tx;y\n-2.5\t\t' ts-export --delimiter '\t' --no-header "$T/s.plumb"
    says $'a,b,w\n1,2,x;y\n-2,,' ts-export --precision 0 "$T/s.plumb"
    fails 2 "ts-export: --delimiter 'ab': one byte such as ; or \\t" ts-export --delimiter ab "$T/s.plumb"
}

@test "columns of a series by name" {
    csv 't,a,b,w\n2024-01-01,1,2,x\n'
    says $'t,b\n2024-01-01,2' ts-export -n b "$T/s.plumb"
    says $'t,a,w\n2024-01-01,1,x' ts-export -n w -n a "$T/s.plumb"
    says $'values.0,values.1\n1,2' ts-export -n values "$T/s.plumb"
    fails 3 "ts-export: $T/s.plumb: no tensor or column 'c'; there are 'series.names', 'time', 'w', 'w.levels', 'values'" \
        ts-export -n c "$T/s.plumb"
}

@test "tensors of rank up to 2 with equally many rows" {
    cd "$T"
    printf '\1\2\3\4\5\6' >bytes
    ts-import -f raw --dtype u8 --shape 3,2 --name m bytes | ts-export -f npy -o m.npy
    ts-import -f raw --dtype i16 --shape 3 --name v bytes | ts-export -f npy -o v.npy
    ts-import m.npy v.npy >mv.plumb
    says $'m.0,m.1,v\n1,2,513\n3,4,1027\n5,6,1541' ts-export mv.plumb
    says $'v\n513\n1027\n1541' ts-export -n v mv.plumb
    ts-import -f raw --dtype u8 --shape 6 --name x bytes | ts-export -f npy -o x.npy
    ts-import m.npy x.npy >mx.plumb
    fails 3 "ts-export: mx.plumb: tensors 'm' and 'x' have 3 and 6 rows (-n picks tensors)" ts-export mx.plumb
    ts-import -f raw --dtype u8 --shape 1,2,3 --name deep bytes >deep.plumb
    fails 3 "ts-export: deep.plumb: tensor 'deep' has rank 3: CSV has rows and columns (-n picks other tensors)" \
        ts-export deep.plumb
}

@test "a forecast" {
    lin-train -q -m nlinear -L 24 -H 3 "$TOP/data/seattle.csv" >"$T/m.plumb"
    lin-forecast -q -n 3 --interval 80 "$T/m.plumb" "$TOP/data/seattle.csv" | ts-export >"$T/f.csv"
    says 4 sh -c "wc -l <$T/f.csv"
    head -n 1 "$T/f.csv" | grep -q -E '^[a-z]+,[^,]+,[^,]+\.lo-80,[^,]+\.hi-80'
}

@test "several segments: one table when their columns are the same" {
    cd "$T"
    printf 'a,b\n1,2\n' >1.csv && printf 'a,b\n3,4\n' >2.csv && printf 'a,c\n5,6\n' >3.csv
    says $'a,b\n1,2\n3,4' sh -c 'ts-import 1.csv 2.csv | ts-export'
    fails 3 'ts-export: standard input: a segment has other columns than the first' \
        sh -c 'ts-import 1.csv 3.csv | ts-export'
}

@test "NPY: exactly one tensor; NumPy's own bytes" {
    cd "$T"
    csv 'a,b\n1,2\n3,4\n'
    fails 3 "ts-export: s.plumb: NPY holds one tensor, and here are 'series.names', 'values' (-n picks one, NPZ holds all)" \
        ts-export -f npy s.plumb
    fails 3 "ts-export: s.plumb: no tensor 'q' (ts-info lists them)" ts-export -f npy -n q s.plumb
    ts-export -f npy -n values s.plumb >v.npy
    says 160 stat -c %s v.npy
    head -c 128 v.npy | tail -c +11 | says "$(printf "%-117s" "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }")" cat
    ts-export -f npy -n series.names s.plumb | head -c 128 | grep -a -q "'|u1', 'fortran_order': False, 'shape': (3,), }"
}

@test "from file and pipe, solid, chunked and compressed: the same bytes" {
    cd "$T"
    ts-import --no-history "$TOP/data/beijing.csv" >solid.plumb
    cat "$TOP/data/beijing.csv" | ts-import --no-history >chunked.plumb
    ts-select --codec shuffle-zlib solid.plumb >packed.plumb
    for format in csv npz safetensors; do
        ts-export -f $format solid.plumb >expected
        for file in solid chunked packed; do
            [ $format = safetensors ] && [ $file = chunked ] && continue # its order of tensors is another
            ts-export -f $format $file.plumb | ts-import | ts-export -f $format >file || return
            cat $file.plumb | ts-export -f $format | ts-import | ts-export -f $format >pipe || return
            cmp file pipe
        done
        ts-export -f $format packed.plumb | cmp - expected
        cat packed.plumb | ts-export -f $format | cmp - expected
    done
}

@test "NPZ and safetensors keep every tensor's bytes" {
    cd "$T"
    ts-import --no-history "$TOP/data/beijing.csv" >s.plumb
    ts-export -f npz s.plumb | ts-import | ts-diff - s.plumb
    ts-export -f npz --compress s.plumb | ts-import | ts-diff - s.plumb
    ts-export -f safetensors s.plumb | ts-import | ts-diff - s.plumb
    need_data data/formats
    for file in "$DATA"/data/formats/safetensors/*.safetensors; do
        ts-import "$file" | ts-export -f safetensors | cmp - "$file"
    done
    for file in "$DATA"/data/formats/npy/cs336_*.npz; do
        ts-import "$file" | ts-export -f npz | ts-import | ts-diff - "$file"
    done
}

@test "bf16 is not in NPY; it is in safetensors" {
    cd "$T"
    printf '\200\77' | ts-import -f raw --dtype bf16 --shape 1 --name h >h.plumb
    fails 3 "ts-export: tensor 'h': NPY has no bf16 (ts-select --cast f32 converts)" ts-export -f npz -o h.npz h.plumb
    [ ! -e h.npz ]
    ts-export -f safetensors h.plumb | ts-import | ts-diff - h.plumb
    says $'h\n1' ts-export h.plumb
}

@test "an output appears whole or not at all" {
    cd "$T"
    csv 'a\n1\n2\n'
    head -c 600 s.plumb >cut.plumb
    run ts-export -o out.csv cut.plumb
    [ "$status" = 4 ]
    [ ! -e out.csv ]
    ts-export -o out.csv s.plumb
    says $'a\n1\n2' cat out.csv
}

@test "series of the test data come back byte for byte" {
    need_data data/series
    cd "$DATA/data/series"
    for file in vic_elec beijing_pm25 bike_hourly eeg_eye_state; do
        ts-import $file.csv.gz | ts-export >"$T/out.csv"
        zcat $file.csv.gz | cmp - "$T/out.csv"
    done
}
