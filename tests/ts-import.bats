bats_require_minimum_version 1.5.0
load helper

# table TEXT OPTION...: the table with that text (as printf has it), imported and exported again;
# as a file and through a pipe it must come out the same.
table() {
    printf "$1" >"$T/table"
    shift
    ts-import -q "$@" "$T/table" | ts-export >"$T/file.out" || return
    cat "$T/table" | ts-import -q "$@" - | ts-export >"$T/pipe.out" || return
    cmp "$T/file.out" "$T/pipe.out" && cat "$T/file.out"
}

# rejects STATUS MESSAGE TEXT OPTION...: the table is refused, as a file and through a pipe.
rejects() {
    local status=$1 message=$2
    printf "$3" >"$T/table"
    shift 3
    cd "$T"
    fails "$status" "ts-import: table$message" ts-import "$@" table
    fails "$status" "ts-import: standard input$message" sh -c 'cat table | ts-import "$@"' - "$@"
}

# NAME DTYPE SHAPE, a line a tensor
tensors() {
    ts-info --json "$@" | grep -o '{"name": *"[^"]*", *"dtype": *"[^"]*", *"shape": *[^]]*]' |
        sed 's/{"name": *"\([^"]*\)", *"dtype": *"\([^"]*\)", *"shape": */\1 \2 /'
}

@test "a table of numbers" {
    says $'a,b\n1,2.5\n-3e-05,4' table 'a,b\n1,2.5\n-3e-5,4\n'
}

@test "no header: columns are numbered" {
    says $'column_1,column_2\n1,2\n3,4' table '1,2\n3,4\n'
    says $'column_1,column_2\n1,2' table '1,2\n' --header no
    says $'1,2\n3,4' table '1,2\n3,4\n' --header yes
}

@test "delimiters: found, or given" {
    says $'a,b\n1,2\n3,4' table 'a;b\n1;2\n3;4\n'
    says $'a,b\n1,2\n3,4' table 'a\tb\n1\t2\n3\t4\n'
    says $'a,b\n1,2\n3,4' table 'a|b\n1|2\n3|4\n'
    says $'a,b\n1,2\n3,4' table 'a b\n 1   2 \n3 4\n'
    says $'a,b\n1,2\n3,4' table 'a:b\n1:2\n3:4\n' --delimiter :
    says $'a,b\n1,2\n3,4' table 'a\tb\n1\t2\n3\t4\n' --delimiter '\t'
    fails 2 "ts-import: 'ab' cannot be a delimiter: one byte such as ; or \t" \
        ts-import --delimiter ab "$T/table"
}

@test "quotes: delimiters, line ends and quotes inside" {
    says $'a,"b ""q""","c\nd"\n1,"x, y",3\n2,"l1\nl2",4' \
        table '"a","b ""q""","c\nd"\n"1","x, y","3"\n 2 , "l1\nl2" ,4\n'
}

@test "a quote inside a cell is a byte like any other" {
    says $'size,n\n"5"" pipe",1\n"6"" pipe",2' table 'size,n\n5" pipe,1\n6" pipe,2\n'
}

@test "CR LF, a byte order mark, comments, blank lines, no last line end" {
    says $'a,b\n1,2\n3,4' table '\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n'
    says $'a,b\n1,2\n3,4' table '# one\na,b\n# "two\n1,2\n\n3,4'
    says $'a,b\n1,2\n3,4' table '//x\na,b\n1,2\n//y\n3,4\n' --comment //
}

@test "a line that names the delimiter, as spreadsheets write it" {
    says $'a,b\n1.5,x\n2,"y,z"' table '\xef\xbb\xbfsep=;\r\na;b\r\n1.5;x\r\n2;y,z\r\n'
    says $'column_1,column_2\n1,2\n3,4' table 'sep=\t\n1\t2\n3\t4\n'
    says $'"a,b"\n1' table 'sep=,\n"a,b"\n1\n' --delimiter ';'
    rejects 3 ":4: column 1 (a): not a number: 'x' (ts-import --missing 'x' reads it as missing)" 'sep=;\na;b\n1;2\nx;4\n5;6\n'
    says $'sep=,v\n1,2' table 'sep=,v\n1,2\n'
}

@test "missing cells" {
    says $'a,b\n1,\n,2\n"",\n3,4' table 'a,b\n1,NA\nNaN,2\nnull,#N/A\n3,4\n'
    says $'a,b\n1,\n,2\n3,4' table 'a,b\n1,?\n-200.0,2\n3,4\n' --missing '?,-200'
    rejects 3 ":2: column 2 (b): not a number: '?' (ts-import --missing '?' reads it as missing)" \
        'a,b\n1,?\n3,4\n'
}

@test "a table of one column: blank lines are missing cells, but not at the end" {
    says $'x\n1\n""\n3' table 'x\n1\n\n3\n\n\n'
}

@test "decimal comma" {
    says $'a,b\n1.5,2\n-3.25,4' table 'a;b\n1,5;2\n-3,25;4\n' --decimal-comma
    rejects 3 ":2: column 1 (a): not a number: '1.000,5' (ts-import --missing '1.000,5' reads it as missing)" \
        'a;b\n1.000,5;2\n3,5;4\n' --decimal-comma
}

@test "infinities are numbers" {
    says $'a,b\n1,inf\n-inf,2' table 'a,b\n1,Inf\n-inf,2\n'
}

@test "forms of time come back as they were" {
    says $'t,v\n2024-01-31,1\n2024-02-29,2' table 't,v\n2024-01-31,1\n2024-02-29,2\n'
    says $'t,v\n2024-01-31 05:00,1\n2024-02-29 06:30,2' table 't,v\n2024-01-31 05:00,1\n2024-02-29 06:30,2\n'
    says $'t,v\n2024-01-31T05:00:00Z,1\n2024-01-31T05:00:00.25Z,2' \
        table 't,v\n2024-01-31T05:00:00Z,1\n2024-01-31T05:00:00.25Z,2\n'
    says $'t,v\n2024-01-31T05:00:00+02:00,1' table 't,v\n2024-01-31T05:00:00+02:00,1\n'
    says $'t,v\n1990/1/1 0:00,1\n1990/12/31 23:00,2' table 't,v\n1990/1/1 0:00,1\n1990/12/31 23:00,2\n'
    says $'t,v\n31.12.2023,1\n01.01.2024,2' table 't,v\n31.12.2023,1\n01.01.2024,2\n'
    says $'t,v\n12/31/2023,1\n01/01/2024,2' table 't,v\n12/31/2023,1\n01/01/2024,2\n'
    says $'t,v\n1/5/2024 1:00 PM,1\n1/15/2024 12:30 AM,2' table 't,v\n1/5/2024 1:00 PM,1\n1/15/2024 12:30 AM,2\n'
    says $'t,v\n20240131,1\n20240229,2' table 't,v\n20240131,1\n20240229,2\n'
    says $'ts,v\n1700000000.5,1\n1700003600,2' table 'ts,v\n1700000000.5,1\n1700003600,2\n'
    says $'year,v\n1999,1\n2000,2' table 'year,v\n1999,1\n2000,2\n' --time year
    says $'when,v\non 5. 1. 2024,1' table 'when,v\non 5. 1. 2024,1\n' --time-format 'on %-d. %-m. %Y'
}

# instant TEXT OPTION...: the first time of a table, in nanoseconds
instant() {
    printf "$1" >"$T/table"
    shift
    ts-import -q "$@" "$T/table" | ts-export -n time | tail -n +2 | head -n 1
}

# stamped TEXT: the line that tells the rows of a table, and their time
stamped() {
    printf "$1" | ts-import -q | ts-info | sed -n 2p
}

@test "a first column of years, by the name of year, is the time; other numbers are not" {
    says '3 rows, 1 channel, from 1999-01-01 to 2001-01-01, step 1 year' stamped 'Year,v\n1999,1\n2000,2\n2001,3\n'
    says $'year,v\n1999,1\n2000,2' table 'year,v\n1999,1\n2000,2\n'
    says '2 rows, 2 channels' stamped 'year,v\n1999,1\n1999,2\n'
    says '2 rows, 2 channels' stamped 'year,v\n1999,1\n2000.5,2\n'
    says '2 rows, 2 channels' stamped 'year,v\n1,1\n2,2\n'
    says '2 rows, 2 channels' stamped 'v,year\n1,1999\n2,2000\n'
    says '2 rows, 2 channels' stamped 'level,v\n1999,1\n2000,2\n'
}

@test "times are the right instants" {
    says 1706670000000000000 instant 't,v\n2024-01-31 03:00,1\n'
    says 1706670000000000000 instant 't,v\n2024-01-31T05:00:00+02:00,1\n'
    says 1706670000250000000 instant 't,v\n2024-01-31T03:00:00.25Z,1\n'
    says 1700000000000000000 instant 'ts,v\n1700000000,1\n'
    says 1700000000123000000 instant 'ts,v\n1700000000123,1\n'
    says 1700000000123456000 instant 'ts,v\n1700000000123456,1\n'
    says 1700000000123456789 instant 'ts,v\n1700000000123456789,1\n'
    says 5000000 instant 'ts,v\n5,1\n6,2\n' --time ts --time-unit ms
    says -4733596800000000000 instant 'year,v\n1820,1\n' --time 1
    says 978336000000000000 instant 't,v\n01/01/2001 08:00:00 AM,1\n31/01/2001 08:00:00 AM,2\n'
}

@test "day or month first: the order of rows decides, else a warning" {
    printf 't,v\n01/02/2024,1\n01/03/2024,2\n02/01/2024,3\n' >"$T/us.csv"
    fails 0 '' ts-import "$T/us.csv"
    ts-export -n time "$T/stdout" | says 1704153600000000000 sed -n 2p
    printf 't,v\n01/02/2024,1\n' >"$T/one.csv"
    cd "$T"
    fails 0 'ts-import: warning: one.csv: column 1 (t): day and month cannot be told apart; read as %d/%m/%Y (say --time-format for another)' \
        ts-import one.csv
}

@test "a column named by --time that holds no times; a cell that is none; none there" {
    rejects 3 ": column 1 (t): its cells, such as 'soon', are not times of one known form; say --time-format" \
        't,v\nsoon,1\nlater,2\n' --time t
    rejects 3 ":4: column 1 (t): not a time like those above: 'soon'" \
        't,v\n2024-01-01,1\n2024-01-02,2\nsoon,3\n'
    rejects 3 ":3: column 1 (t): the time is missing" 't,v\n2024-01-01,1\n,2\n2024-01-03,3\n'
    rejects 3 ": --time: no column 'when'; there are 't', 'v'" 't,v\n2024-01-01,1\n' --time when
    says $'t,v\n2024-01-01,1' table 't,v\n2024-01-01,1\n' --time none
    printf 't,v\n2024-01-01,1\n' | ts-import --time none >"$T/x.plumb"
    says $'series.names u8 [1]\nt i32 [1]\nt.levels u8 [10]\nvalues f64 [1, 1]' tensors "$T/x.plumb"
}

@test "words: codes in order of first appearance, levels, missing" {
    printf 'w,x\nb,1\na,2\n,3\nb,4\n' >"$T/w.csv"
    ts-import "$T/w.csv" -o "$T/w.plumb"
    says $'series.names u8 [1]\nw i32 [4]\nw.levels u8 [3]\nvalues f64 [4, 1]' tensors "$T/w.plumb"
    ts-export -f npy -n w "$T/w.plumb" | tail -c 16 >"$T/codes"
    says '0 1 -1 0' sh -c "od -A n -t d4 $T/codes | xargs"
}

@test "long form" {
    says $'shop,day,sold\nA,2024-01-01,5\nB,2024-01-01,6\nA,2024-01-02,7' \
        table 'shop,day,sold\nA,2024-01-01,5\nB,2024-01-01,6\nA,2024-01-02,7\n' --id shop
    says $'day,shop,sold\n2024-01-01,A,5' \
        table 'day,shop,left,sold\n2024-01-01,A,1,5\n' --id shop --time day --value sold
    printf 'shop,day,sold\nA,2024-01-01,5\nB,2024-01-01,6\n' | ts-import --id 1 >"$T/long.plumb"
    says $'series.names u8 [4]\ntime i64 [2]\nid i32 [2]\nid.levels u8 [3]\nvalues f64 [2, 1]' \
        tensors "$T/long.plumb"
    rejects 3 ':3: column 1 (shop): the id is missing' 'shop,sold\nA,5\n,6\n' --id shop
    fails 2 'ts-import: --value names the same column as --id or --time' \
        ts-import --id shop --value shop "$T/table"
}

@test "names: empty, twice, taken by tensors of a series" {
    says $'a,a_2,column_3,a_3\n1,2,3,4' table 'a,a,,a\n1,2,3,4\n'
    says $'values,x\nq,1' table 'values,x\nq,1\n'
    printf 'values,time,x\nq,w,1\n' | ts-import >"$T/names.plumb"
    ts-info "$T/names.plumb" | grep -q '^"text column 1" \|^text column 1 '
}

@test "ragged records: the line, and both counts" {
    rejects 3 ':3: 3 cells instead of 2' 'a,b\n1,2\n3,4,5\n'
    rejects 3 ':4: 1 cell instead of 2' 'a,b\n"1\n",2\n3\n'
}

@test "a quote that does not close, text behind one that does" {
    local message=': a quoted cell does not close, or text stands behind its closing quote'
    rejects 3 ":2: column 2 (b)$message" 'a,b\n1,"x\n2,3\n'
    rejects 3 ":2: column 2 (b)$message" 'a,b\n1,"x"y\n2,3\n'
}

@test "a word deep in a column of numbers is named by line, column and remedy" {
    awk 'BEGIN { print "x,load"; for (i = 0; i < 100000; i++) print i "," i / 7; print "9,abc" }' >"$T/deep.csv"
    cd "$T"
    fails 3 "ts-import: deep.csv:100002: column 2 (load): not a number: 'abc' (ts-import --missing 'abc' reads it as missing)" \
        ts-import deep.csv
    fails 3 "ts-import: standard input:100002: column 2 (load): not a number: 'abc' (ts-import --missing 'abc' reads it as missing)" \
        sh -c 'cat deep.csv | ts-import'
    says 100001 sh -c 'ts-import --missing abc deep.csv | ts-export | tail -n +2 | wc -l'
}

@test "words below a thousand missing cells make a column of words" {
    awk 'BEGIN { print "x,w"; for (i = 0; i < 5000; i++) print i ","; print "9,abc" }' >"$T/late.csv"
    ts-import "$T/late.csv" | ts-export | cmp - "$T/late.csv"
}

@test "what is empty at the end is dropped, with a warning" {
    cd "$T"
    printf 'a;b;;\r\n1;2;;\r\n3;;;\r\n;;;\r\n;;;\r\n' >end.csv
    fails 0 'ts-import: warning: end.csv: dropped what is empty at the end: columns 2, records 2' \
        ts-import end.csv
    ts-export stdout | says $'a,b\n1,2\n3,' cat
}

@test "bytes that are not UTF-8 become U+FFFD, with one warning" {
    cd "$T"
    printf 'n\xe9e,w\n1,caf\xe9\n2,\xff\n' >latin.csv
    fails 0 'ts-import: warning: latin.csv: bytes that are not UTF-8 became U+FFFD, 3 times (iconv -f latin1 -t utf-8 may help)' \
        ts-import latin.csv
    ts-export stdout | says $'n\xef\xbf\xbde,w\n1,caf\xef\xbf\xbd\n2,\xef\xbf\xbd' cat
}

@test "no rows: exit 3; no bytes: exit 4" {
    rejects 3 ': no data rows' 'a,b\n'
    rejects 3 ': no data rows' '# nothing\n'
    : >"$T/empty"
    cd "$T"
    fails 4 'ts-import: empty: the input is empty' ts-import empty
    fails 4 'ts-import: standard input: the input is empty' sh -c ': | ts-import'
}

@test "one row, one cell" {
    says $'a\n5' table 'a\n5\n'
    says $'column_1\n5' table '5\n'
}

@test "a hundred thousand columns" {
    awk 'BEGIN { for (r = -1; r < 4; r++) for (c = 0; c < 100000; c++)
        printf "%s%s", r < 0 ? "c" c : r * c / 8, c < 99999 ? "," : "\n" }' >"$T/wide.csv"
    timeout "${CHECKER:+1}60" ts-import "$T/wide.csv" | ts-export | cmp - "$T/wide.csv"
    awk 'BEGIN { for (c = 0; c < 100000; c++) printf "c,"; print "c"
                 for (c = 0; c < 100000; c++) printf "1,"; print 1 }' >"$T/same.csv"
    timeout "${CHECKER:+1}60" ts-import -q "$T/same.csv" | ts-export | head -n 1 | tail -c 9 | says c_100001 cat
}

@test "more columns of words than a stream may have open" {
    awk 'BEGIN { for (r = 0; r < 5; r++) for (c = 0; c < 50; c++)
        printf "%s%d%s", r ? "w" : "c", r + c, c < 49 ? "," : "\n" }' >"$T/crowd.csv"
    cat "$T/crowd.csv" | ts-import | ts-export | cmp - "$T/crowd.csv"
}

@test "blocks of a large file are cut at records, whatever stands in quotes" {
    awk 'BEGIN { print "n,w,m"; for (i = 0; i < 60000; i++)
        printf "%d,\"line one, %d\nline \"\"two\"\"\n\",%d\n", i, i % 7, i * 3 }' >"$T/quoted.csv"
    [ "$(stat -c %s "$T/quoted.csv")" -gt 2000000 ]
    ts-import "$T/quoted.csv" | ts-export | cmp - "$T/quoted.csv"
    for threads in 1 2 5; do
        ts-import --no-history -j $threads "$T/quoted.csv" >"$T/$threads.plumb"
        cmp "$T/1.plumb" "$T/$threads.plumb"
    done
}

@test "rows of a pipe are passed on as they come" {
    mkfifo "$T/in" "$T/out"
    (exec ts-import <"$T/in" | ts-export >"$T/out") &
    exec 8>"$T/in" 9<"$T/out"
    printf 'time,load,w\n2024-01-01 00:00,1,a\n' >&8
    read -r -t 10 line <&9
    [ "$line" = time,load,w ]
    read -r -t 10 line <&9
    [ "$line" = "2024-01-01 00:00,1,a" ]
    printf '2024-01-01 01:00,2,b\n2024-01-01 ' >&8
    read -r -t 10 line <&9
    [ "$line" = "2024-01-01 01:00,2,b" ]
    printf '02:00,3,a\n' >&8
    read -r -t 10 line <&9
    [ "$line" = "2024-01-01 02:00,3,a" ]
    exec 8>&-
    ! read -r -t 10 line <&9 || return 1
    exec 9<&-
    wait
}

@test "gzip: of every format, several members, cut short, damaged" {
    cd "$T"
    printf 'a,b\n1,2\n' >one && printf '3,4\n' >two
    (gzip -c one && gzip -c two && head -c 512 /dev/zero) >both.gz
    ts-import both.gz | ts-export | says $'a,b\n1,2\n3,4' cat
    cat both.gz | ts-import | ts-export | says $'a,b\n1,2\n3,4' cat
    awk 'BEGIN { print "x"; for (i = 0; i < 9999; i++) print i * i % 9973 }' | gzip >long.gz
    head -c 9000 long.gz >cut.gz
    fails 4 'ts-import: cut.gz: the compressed data end too early: truncated?' ts-import cut.gz
    { head -c 9000 long.gz && printf junk && tail -c +9005 long.gz; } >bad.gz
    fails_like 3 'ts-import: bad.gz: damaged compressed data (*)' ts-import bad.gz
    (gzip -c one && printf junk) >junk.gz
    fails 3 'ts-import: junk.gz: junk behind the compressed data' ts-import junk.gz
    ts-import one | ts-export -f npy -n values | gzip >values.npy.gz
    says 'values f64 [1, 2]' tensors values.npy.gz
}

@test "several files: tables in segments of their own, other tensors in one" {
    cd "$T"
    printf 'a\n1\n' >a.csv && printf 'a\n2\n' >b.csv
    ts-import a.csv b.csv | ts-export | says $'a\n1\n2' cat
    says 2 sh -c 'ts-import a.csv b.csv | ts-info --json | wc -l'
    ts-import -f raw --dtype u8 --shape -1 --name x a.csv | ts-export -f npy -o x.npy
    ts-import -f raw --dtype u8 --shape -1 --name y a.csv | ts-export -f npy -o y.npy
    ts-import x.npy y.npy >both.plumb
    says $'x u8 [4]\ny u8 [4]' tensors both.plumb
    fails_like 3 "ts-import: *'x'*" ts-import x.npy x.npy
}

@test "history names every file with its CRC" {
    cd "$T"
    printf 'a,b\n1,2\n' >h.csv
    ts-import h.csv >h.plumb
    crc=$(gzip -c h.csv | tail -c 8 | od -A n -t x4 -N 4 | tr -d ' ')
    ts-info --history h.plumb | grep -q "read h.csv (x$crc)"
    cat h.csv | ts-import | ts-info --history - | grep -q "x$crc"
    gzip -k h.csv
    crc=$(gzip -c h.csv.gz | tail -c 8 | od -A n -t x4 -N 4 | tr -d ' ')
    ts-import h.csv.gz | ts-info --history - | grep -q "x$crc"
}

@test "f32 on request" {
    printf 'a\n0.1\n' | ts-import --dtype f32 >"$T/f.plumb"
    says $'series.names u8 [1]\nvalues f32 [1, 1]' tensors "$T/f.plumb"
    fails 2 'ts-import: --dtype i8: a series has values f64 or f32' ts-import --dtype i8 "$TOP/data/co2.csv"
}

# npy HEADER BYTES: an NPY file of version 1 with that header
npy() {
    printf '\x93NUMPY\x01\x00'
    printf "\\$(printf %03o $((${#1} % 256)))\\$(printf %03o $((${#1} / 256)))"
    printf '%s' "$1"
    printf "$2"
}

@test "NPY: big-endian, column-major, Python 2's long sizes, rank 0" {
    cd "$T"
    npy "{'descr': '>i2', 'fortran_order': False, 'shape': (3,), }" '\0\1\0\2\377\377' >be.npy
    says $'be\n1\n2\n-1' ts-export be.npy
    npy "{'descr': '<i2', 'fortran_order': True, 'shape': (2L, 3L), }" '\1\0\2\0\3\0\4\0\5\0\6\0' >f.npy
    says $'f.0,f.1,f.2\n1,3,5\n2,4,6' ts-export f.npy
    cat f.npy | ts-import | says $'data.0,data.1,data.2\n1,3,5\n2,4,6' ts-export
    npy "{'descr': '|b1', 'fortran_order': False, 'shape': ()}" '\1' >s.npy
    says $'x\n1' sh -c 'ts-import --name x s.npy | ts-export'
}

@test "NPY: three dimensions, column-major, against the same row by row" {
    cd "$T"
    # element (i, j, k) of [2, 3, 4] is 12 i + 4 j + k; column-major they come with i fastest
    bytes=$(for k in 0 1 2 3; do for j in 0 1 2; do for i in 0 1; do
        printf '\\%03o' $((12 * i + 4 * j + k)); done; done; done)
    npy "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}" "$bytes" >f3.npy
    ts-import f3.npy | ts-export -f npy | tail -c 24 | od -A n -t u1 -w24 |
        says "$(seq -s ' ' 0 23)" xargs
}

@test "NPY: refused by name" {
    cd "$T"
    refuse() {
        npy "{'descr': $1, 'fortran_order': False, 'shape': (1,)}" 'xxxxxxxxxxxxxxxx' >r.npy
        fails 3 "ts-import: r.npy: $2" ts-import r.npy
    }
    refuse "'|O'" "holds Python objects (pickle), which can run code when read: refused (descr '|O')"
    refuse "'<c8'" "holds complex numbers, which are not supported (descr '<c8')"
    refuse "'<U5'" "holds text, which is not supported (descr '<U5')"
    refuse "'<M8[ns]'" "holds dates or durations, which are not supported: convert them to int64 (descr '<M8[ns]')"
    refuse "'|V8'" "holds structures or opaque bytes, which are not supported (descr '|V8')"
    refuse "'<f16'" "holds elements of a type that is not supported (descr '<f16')"
    refuse "[('a', '<i4')]" 'holds structures (named fields), which are not supported'
}

@test "NPY: damaged headers, too few bytes, too many" {
    cd "$T"
    bad() {
        npy "$1" "$2" >b.npy
        fails "$3" "ts-import: b.npy: $4" ts-import b.npy
    }
    local head="{'descr': '<f4', 'fortran_order': False, 'shape': "
    bad "$head(2,)}" 'abcdefg' 4 'ends 1 byte early: truncated?'
    bad "$head(2,)}" 'abcdefghi' 3 'junk behind the data'
    bad "$head(2,)" 'abcdefgh' 3 'damaged NPY header'
    bad "$head(2,-1)}" 'abcdefgh' 3 'damaged NPY header'
    bad "$head(99999999999999999999,)}" 'abcdefgh' 3 'damaged NPY header'
    bad "$head(4611686018427387904,4)}" 'abcdefgh' 3 "tensor 'b' is too large"
    bad "$head(1,1,1,1,1,1,1,1,1)}" 'abcd' 3 'damaged NPY header'
    bad "$head(2500000000,)}" 'abcd' 4 'ends 9999999996 bytes early: truncated?'
    bad "{'shape': (1,), 'shape': (1,), 'descr': '<f4', 'fortran_order': False}" 'abcd' 3 'damaged NPY header'
    printf '\x93NUMPY\x09\x00\x00\x00\x00\x00' >v.npy
    fails 3 'ts-import: v.npy: NPY version 9.0, of which nothing is known' ts-import v.npy
}

@test "raw: dtype, shape, name, skip, an open dimension" {
    cd "$T"
    printf 'xx\1\0\2\0\3\0\4\0' >raw.u16
    ts-import -f raw --dtype u16 --shape 2,-1 --skip 2 --name t raw.u16 | ts-export |
        says $'t.0,t.1\n1,2\n3,4' cat
    cat raw.u16 | ts-import -f raw --dtype u16 --shape -1,2 --skip 2 | ts-export |
        says $'data.0,data.1\n1,2\n3,4' cat
    fails 2 'ts-import: raw files need --dtype and --shape' ts-import -f raw --dtype u8 raw.u16
    fails 2 "ts-import: --dtype 'u99': not a type such as f32, u16, bool" \
        ts-import -f raw --dtype u99 --shape 4 raw.u16
    fails 2 "ts-import: --shape: '-1': up to 8 dimensions, of which one may be -1" \
        ts-import -f raw --dtype u8 --shape -1,-1 raw.u16
    fails 3 'ts-import: raw.u16: 10 bytes are no multiple of the 3 that one row of --shape takes' \
        ts-import -f raw --dtype u8 --shape -1,3 raw.u16
    fails 4 'ts-import: raw.u16: ends 2 bytes early: truncated?' \
        ts-import -f raw --dtype u8 --shape 12 raw.u16
    fails 3 'ts-import: raw.u16: junk behind the data' ts-import -f raw --dtype u8 --shape 9 raw.u16
}

@test "IDX: elements are big-endian; pictures with their labels" {
    cd "$T"
    printf '\0\0\13\1\0\0\0\2\0\5\377\376' >short.idx
    says $'short\n5\n-2' ts-export short.idx
    printf '\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\3abcdef' >pictures
    printf '\0\0\10\1\0\0\0\2\7\11' >labels
    ts-import -f idx --images pictures --labels labels >i.plumb
    says $'images u8 [2, 1, 3, 1]\nlabels u8 [2]' tensors i.plumb
    ts-info i.plumb | grep -q ': images, 2 tensors'
    printf '\0\0\10\1\0\0\0\3\7\11\1' >three
    fails 3 'ts-import: three: 3 labels for 2 pictures' ts-import --images pictures --labels three
    fails 3 'ts-import: labels: no pictures: rank 1, type u8 instead of u8 [count, height, width]' \
        ts-import --images labels
    fails 4 'ts-import: cut: ends 2 bytes early: truncated?' sh -c 'head -c 20 pictures >cut; ts-import -f idx cut'
    fails 2 'ts-import: --labels needs --images' ts-import --labels labels
}

# safetensors HEADER DATA: a file with that JSON
safetensors() {
    printf "\\$(printf %03o $((${#1} % 256)))\\$(printf %03o $((${#1} / 256)))\\0\\0\\0\\0\\0\\0"
    printf '%s' "$1"
    printf "$2"
}

@test "safetensors: all types, metadata" {
    cd "$T"
    safetensors '{"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"n":{"dtype":"BOOL","shape":[0,3],"data_offsets":[6,6]}}' \
        '\0\0\200\77\200\77' >m.safetensors
    ts-import m.safetensors >m.plumb
    says $'a f32 []\nb bf16 [1]\nn bool [0, 3]' tensors m.plumb
    ts-export -f safetensors m.plumb | ts-import | ts-diff - m.plumb
    ts-export -f safetensors m.plumb | grep -a -q '"__metadata__":{"format":"pt"}'
}

@test "safetensors: hostile headers" {
    cd "$T"
    bad() {
        safetensors "$1" "$2" >h.safetensors
        fails "$3" "ts-import: h.safetensors: $4" ts-import -f safetensors h.safetensors
    }
    local x='{"x":{"dtype":"F32","shape":[2],"data_offsets":'
    bad "$x[0,8]}}" abcdefg 4 "ends 1 byte early, in tensor 'x': truncated?"
    bad "$x[0,8]}}" abcdefghi 3 'junk behind the last tensor'
    bad "$x[4,12]}}" abcdefghijkl 3 "tensor 'x': there is a gap before it"
    bad "$x[0,4]}}" abcd 3 "tensor 'x': its data_offsets do not fit its shape and dtype"
    bad "$x[8,0]}}" abcdefgh 3 "tensor 'x': its data_offsets are no range"
    bad "$x[-8,0]}}" abcdefgh 3 "tensor 'x': its data_offsets are no range"
    bad "$x[0,8]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}" abcdefgh 3 \
        "tensor 'y': it overlaps the tensor before"
    bad '{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}' '' 3 \
        "tensor 'x': its data_offsets do not fit its shape and dtype"
    bad '{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}' a 3 \
        "tensor 'x': dtype 'F8_E4M3' is not supported"
    bad '{"x":{"shape":[1],"data_offsets":[0,1]}}' a 3 "tensor 'x': no dtype"
    bad '{"x":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}' a 3 \
        "tensor 'x': its shape is no list of up to 8 sizes"
    printf '\377\377\377\377\377\0\0\0{' >l.safetensors
    fails 3 'ts-import: l.safetensors: a safetensors header of 1099511627775 bytes (at most 100000000)' \
        ts-import -f safetensors l.safetensors
    safetensors "$x[0,8]},\"x\":{}}" abcdefgh >d.safetensors
    fails_like 3 "ts-import: d.safetensors: *'x'*" ts-import d.safetensors
}

@test "shards: by index or folder; what is missing is named before anything is written" {
    cd "$T" && mkdir llm
    safetensors '{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}' ab >llm/1.safetensors
    safetensors '{"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' c >llm/2.safetensors
    index() {
        printf '{"metadata":{"total_size":3},"weight_map":{%s}}' "$1" >llm/model.safetensors.index.json
    }
    index '"y":"2.safetensors","x":"1.safetensors"'
    ts-import llm >whole.plumb
    says $'y u8 [1]\nx u8 [2]' tensors whole.plumb
    ts-import llm/model.safetensors.index.json | ts-diff - whole.plumb
    local at=llm/model.safetensors.index.json
    index '"y":"2.safetensors","x":"1.safetensors","z":"2.safetensors"'
    fails 3 "ts-import: $at: tensor 'z' is missing in its shard '2.safetensors'" ts-import -o no.plumb llm
    index '"y":"2.safetensors","x":"3.safetensors"'
    fails 5 "ts-import: $at: shard 2 of 2: cannot open 'llm/3.safetensors': No such file or directory" \
        ts-import -o no.plumb llm
    index '"y":"2.safetensors","x":"../llm/1.safetensors"'
    fails 3 "ts-import: $at: '../llm/1.safetensors' is no name of a file beside the index" \
        ts-import -o no.plumb llm
    index ''
    fails 3 "ts-import: $at: no index of safetensors: it has no weight_map" ts-import llm
    [ ! -e no.plumb ]
    mkdir nothing
    fails 3 'ts-import: nothing: a folder without model.safetensors.index.json or model.safetensors' \
        ts-import nothing
}

@test "other files are refused by name" {
    cd "$T"
    refuse() {
        printf "$1" >other
        fails 3 "ts-import: other: $2" ts-import other
    }
    refuse 'GGUF\3\0\0\0' 'this is a GGUF model, which is not supported'
    refuse '\200\2}q\0.' 'a Python pickle, but not of PyTorch: its magic number is missing'
    refuse 'PAR1\25\4\25' 'this is a Parquet file, which is not supported: export it to CSV'
    refuse '\377\376a\0' 'this is UTF-16 text: pipe it through iconv -f utf-16 -t utf-8'
    refuse '\1\2\3\4\5\6\7' 'not of a known format (-f says which it is)'
    refuse '{"a": 1}' 'this is a JSON document that is no index of safetensors'
    ts-import "$TOP/data/co2.csv" >s.plumb
    fails 3 'ts-import: s.plumb: is a tensor stream already (cat joins streams, ts-select picks)' ts-import s.plumb
    fails 5 "ts-import: cannot open 'absent.csv': No such file or directory" ts-import absent.csv
}

@test "the other tools read these formats, a compressed stream too" {
    cd "$T"
    ts-import --no-history "$TOP/data/co2.csv" >s.plumb
    gzip -k s.plumb
    ts-diff s.plumb.gz s.plumb
    ts-diff "$TOP/data/co2.csv" s.plumb
}

@test "NPZ: stored and deflated; damage" {
    cd "$T"
    ts-import --no-history "$TOP/data/co2.csv" >s.plumb
    ts-export -f npz s.plumb >stored.npz
    ts-export -f npz --compress s.plumb >deflated.npz
    [ "$(stat -c %s deflated.npz)" -lt "$(stat -c %s stored.npz)" ]
    ts-diff stored.npz s.plumb
    cat deflated.npz | ts-import | ts-diff - s.plumb
    head -c 5000 stored.npz >cut.npz
    fails 4 'ts-import: cut.npz: a zip archive without its end: truncated?' ts-import cut.npz
    { head -c 1000 stored.npz && printf 'X' && tail -c +1002 stored.npz; } >flip.npz
    fails_like 3 'ts-import: flip.npz: *.npy: its CRC-32 is wrong: damaged' ts-import -o no.plumb flip.npz
    [ ! -e no.plumb ]
    printf 'PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >empty.npz
    fails 3 'ts-import: empty.npz: a zip archive without arrays (.npy)' ts-import empty.npz
}

@test "fixtures: what must load loads, what must not is refused" {
    need_data data/formats
    cd "$DATA/data/formats"
    for file in safetensors/*.safetensors npy/candle_test.np? npy/python3.npy npy/win64python2.npy npy/cs336_*.npz; do
        ts-import "$file" | ts-check >/dev/null || { echo "$file"; return 1; }
    done
    for file in npy/py3-objarr.npy npy/py3-objarr.npz gguf/*.gguf pytorch/broken.pt; do
        fails_like 3 'ts-import: *' ts-import "$file"
    done
    fails 0 'ts-import: warning: csv/air_quality_semicolon.csv: dropped what is empty at the end: columns 2, records 114' \
        ts-import --missing -200 csv/air_quality_semicolon.csv
    tensors "$T/stdout" | grep -q '^values f64 \[9357, 13\]$'
    ts-export "$T/stdout" | sed -n 2p | says 10/03/2004,18.00.00,2.6,1360,150,11.9,1046,166,1056,113,1692,1268,13.6,48.9,0.7578 cat
}

# PL_REWRITE=yes writes the verdicts anew.
@test "hostile files: each has its verdict, and none has another" {
    cd "$TOP/tests/hostile"
    for file in *; do
        case $file in make | verdicts) continue ;; esac
        status=0
        message=$(ts-import -q "$file" 2>&1 >/dev/null) || status=$?
        echo "$file: $status $message"
    done | sed 's/ *$//' >"$T/verdicts"
    [ -z "$PL_REWRITE" ] || cp "$T/verdicts" verdicts
    diff verdicts "$T/verdicts"
}

@test "a terminal gets tables of series, and nothing else" {
    need_terminal
    cd "$T"
    printf 'day,sold,sky\n2024-01-01,5,sun\n2024-01-02,,\n' >a.csv
    printf 'x,"na\nme"\n1,2\n' >b.csv
    says 'time              sold         sky
2024-01-01           5         sun
2024-01-02           -           -
           x       na?me
           1           2' on_terminal 'ts-import a.csv b.csv'
    seq 1000 | sed '1i n' >long.csv
    [ "$(on_terminal 'ts-import long.csv' | sed -n 32p)" = '... 940 rows ...' ]
    says '           n
         999
        1000' on_terminal 'ts-select --tail 2 -n n long.csv'
    refused='refusing to write binary data to a terminal; pipe it into ts-info, or name a file with -o'
    run -2 on_terminal 'ts-import -f raw --dtype u8 --shape -1 a.csv'
    [ "$output" = "ts-import: $refused" ]
    run -2 on_terminal 'ts-select -n values a.csv'
    [ "$output" = "ts-select: $refused" ]
    run -5 on_terminal 'ts-import nowhere.csv'
    [ "$output" = "ts-import: cannot open 'nowhere.csv': No such file or directory" ]
    printf 'a,b\n1\n' >ragged.csv
    run -3 on_terminal 'ts-import ragged.csv'
    [ "$output" = 'ts-import: ragged.csv:2: 1 cell instead of 2' ]
}

@test "CIFAR-10: planes become pixels, labels come apart" {
    cd "$T"
    for label in 3 7; do
        printf "\\$label"
        for level in 1 2 $label; do head -c 1024 /dev/zero | tr '\0' "\\$level"; done
    done >two.bin
    ts-import -f cifar two.bin -o two.plumb
    says $'images u8 [2, 32, 32, 3]\nlabels u8 [2]' tensors two.plumb
    says $'labels\n3\n7' sh -c 'ts-select -n labels two.plumb | ts-export -f csv'
    says "1 2 3 1 2 3" sh -c 'ts-export -f npy -n images two.plumb | tail -c 6144 | head -c 6 | od -An -tu1 | xargs'
    fails 4 'ts-import: cut.bin: ends 73 bytes early: truncated?' sh -c 'head -c 3000 two.bin >cut.bin; ts-import -f cifar cut.bin'
    printf 'x%.0s' $(seq 3073) >text.bin
    fails 3 'ts-import: text.bin: record 0 has label 120: not a file of CIFAR-10' ts-import -f cifar text.bin
}

@test "a table of pictures" {
    cd "$T"
    printf 'a,b,c,d,class\n0,16,8,4,2\n1,2,3,16,0\n' >pixels.csv
    ts-import --images pixels.csv --white 16 -o pixels.plumb
    says $'images u8 [2, 2, 2, 1]\nlabels i32 [2]' tensors pixels.plumb
    says '0 255 128 64 16 32 48 255' \
        sh -c 'ts-export -f npy -n images pixels.plumb | tail -c 8 | od -An -tu1 | xargs'
    says $'labels\n2\n0' sh -c 'ts-select -n labels pixels.plumb | ts-export -f csv'
    ts-import --images pixels.csv -f csv | ts-info >/dev/null
    fails 3 'ts-import: pixels.csv: row 1, column 2: 16 is no pixel between 0 and --white' \
        ts-import --images pixels.csv --white 15
    printf '1,2,3\n4,5,6\n' >odd.csv
    fails 3 'ts-import: odd.csv: 2 columns beside the last one: the pixels of no square picture' \
        ts-import --images odd.csv --white 16
    printf '1,2,3,4,0.5\n1,2,3,4,1\n' >half.csv
    fails 3 'ts-import: half.csv: row 1, column 5: 0.5 is no number of a class' \
        ts-import --images half.csv --white 16
    printf 'a,b,c,d,e,class\n1,2,3,4,1,cat\n4,5,6,7,0,dog\n' >words.csv
    fails 3 "ts-import: words.csv: column 'class' holds words: pixels and classes must be numbers" \
        ts-import --images words.csv --white 16
    fails 2 'ts-import: --white goes with a table as --images, which has its labels in the last column' \
        ts-import --white 16 half.csv
    for option in '-f csv' '--white 16'; do
        fails 2 'ts-import: --labels goes with --images of the IDX format: a table has its labels in the last column' \
            ts-import --images pixels.csv --labels half.csv $option
    done
    ts-info --history pixels.plumb | sh | cmp - pixels.plumb
}
