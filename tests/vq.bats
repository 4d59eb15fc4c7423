# Codebooks: vq-train, vq-encode, vq-decode, vq-stats.
# SPDX-License-Identifier: MIT
bats_require_minimum_version 1.5.0
load helper
load stream

setup() {
    cd "$T"
    export PLUMBLINE_THREADS=1 # the steps are too small to share
    parrot=$TOP/data/parrot.png
}

# numbers ROWS COLUMNS [SEED]: rows of numbers between -1 and 1, of no order
numbers() {
    awk -v rows="$1" -v columns="$2" -v x="${3:-1}" 'BEGIN { for (i = 0; i < rows; i++) {
        line = ""
        for (j = 0; j < columns; j++) { x = (x * 16807) % 2147483647; line = line (j ? "," : "") (x / 1073741824 - 1) }
        print line } }'
}

# rows ROWS COLUMNS [SEED]: the same as a stream with one tensor
rows() {
    numbers "$@" | tr ',' '\n' | ts-import -q --no-history | ts-select --cast f32 | ts-export -f npy -n values |
        tail -c $(($1 * $2 * 4)) | ts-import --no-history -f raw --dtype f32 --shape "$1,$2" --name rows
}

# table STREAM TENSOR: a tensor of rank 1 or 2 as lines of numbers
table() {
    ts-export -f csv --no-header -n "$2" "$1"
}

@test "every method, with the document, the shapes and the codebook of its basis" {
    rows 300 6 >rows.plumb
    for method in simvq vanilla ema kmeans; do
        vq-train -q -m $method --codes 20 --steps 30 rows.plumb -o $method.cb
        ts-info --json $method.cb | jq -c '[.kind, (.tensors[] | [.name, .shape])]' >shapes
        case $method in
        simvq) says '["codebook",["codebook",[20,6]],["basis",[20,6]],["map.weight",[6,6]],["map.bias",[6]]]' cat shapes ;;
        *) says '["codebook",["codebook",[20,6]]]' cat shapes ;;
        esac
    done
    # codebook = basis map' + bias
    { table simvq.cb basis; echo; table simvq.cb map.weight; echo; table simvq.cb map.bias | tr '\n' ','; echo; echo
      table simvq.cb codebook; } | awk -F, '
        $0 == "" { part++; n = 0; next }
        { n++ }
        part == 0 { for (i = 1; i <= 6; i++) c[n, i] = $i }
        part == 1 { for (i = 1; i <= 6; i++) w[n, i] = $i }
        part == 2 { for (i = 1; i <= 6; i++) b[i] = $i }
        part == 3 { for (i = 1; i <= 6; i++) { y = b[i]; for (k = 1; k <= 6; k++) y += c[n, k] * w[i, k]
            d = y - $i; if (d < 0) d = -d; if (d > 1e-5) { print n, i, y, $i; bad = 1 } } }
        END { if (n != 20) bad = 1; exit bad }'
}

@test "the code is the nearest, the lowest of several; packed or not, compressed or not" {
    rows 300 6 >rows.plumb
    vq-train -q -m kmeans --codes 20 --steps 2 rows.plumb -o cb
    rows 500 6 7 >other.plumb
    vq-encode --no-pack cb other.plumb -o plain
    { table cb codebook; echo; table other.plumb rows; } | awk -F, '
        $0 == "" { rows = 1; next }
        !rows { n++; for (i = 1; i <= 6; i++) c[n, i] = $i; next }
        { least = 1e9; for (j = 1; j <= n; j++) { d = 0; for (i = 1; i <= 6; i++) d += (c[j, i] - $i) ^ 2
            if (d < least) { least = d; at = j - 1 } } print at }' >expected
    says "$(cat expected)" table plain codes
    vq-encode cb other.plumb -o packed
    says '5 bits' sh -c "ts-info --json packed | jq -r '.tensors[0].shape[0] * 8 / 500 | floor | \"\\(.) bits\"'"
    vq-encode --codec zlib cb other.plumb -o zlib
    vq-encode --no-pack --codec shuffle-zlib cb other.plumb -o shuffled
    vq-decode cb plain -o decoded
    for codes in packed zlib shuffled; do
        vq-decode cb $codes | ts-diff - decoded
    done
    { table cb codebook; echo; cat expected; } | awk -F, '
        $0 == "" { rows = 1; n = 0; next } !rows { c[n++] = $0; next } { print c[$1] }' >expected.rows
    says "$(cat expected.rows)" table decoded rows
    vq-encode cb decoded | ts-diff - packed
}

@test "SimVQ: what is decoded are rows of the effective codebook, and they have the same codes again" {
    rows 700 9 >rows.plumb # floats: nothing is rounded
    vq-train -q --codes 50 --steps 100 rows.plumb -o cb
    vq-encode --no-pack cb rows.plumb -o codes
    vq-decode cb codes -o decoded
    { table cb codebook; echo; table codes codes; } | awk -F, '
        $0 == "" { rows = 1; n = 0; next } !rows { c[n++] = $0; next } { print c[$1] }' >expected
    says "$(cat expected)" table decoded rows
    vq-encode --no-pack cb decoded | ts-diff - codes
}

@test "large codes are chunked when compressed" {
    head -c 1100000 /dev/urandom | ts-import -f raw --dtype i8 --shape 1100000,1 --name r >r.plumb
    vq-train -q -m kmeans --codes 200 --steps 1 <(ts-select --rows 0:2000 r.plumb) -o cb
    vq-encode cb r.plumb | vq-decode cb - >decoded
    for options in '--codec zlib' '--no-pack --codec zlib'; do
        vq-encode $options cb r.plumb >codes
        ts-info --json codes | jq -e '.tensors[0].chunks > 1'
        vq-decode cb codes | ts-diff decoded -
    done
}

@test "pictures: any size, grey and 16 bits; what was beside them is passed on" {
    ts-import "$parrot" | ts-select --slice 'images[:,0:31,0:45,:]' >odd.plumb
    vq-train -q -m kmeans --codes 300 --patch 4x3 --steps 3 odd.plumb -o cb
    vq-encode cb odd.plumb -o codes
    vq-decode cb codes -o back
    ts-info --json back | jq -c '[.kind, .tensors[0].name, .tensors[0].dtype, .tensors[0].shape]' |
        says '["images","images","u8",[1,31,45,3]]' cat
    # more codes than patches: every patch is a code, and nothing is lost
    ts-diff back odd.plumb
    printf 'P5 5 3 65535\n' >wide.pgm && head -c 30 /dev/urandom >>wide.pgm
    printf 'P2 2 2 9\n1 2 3 4\n' >small.pgm
    vq-train -q -m kmeans --codes 40 --patch 2x2 wide.pgm small.pgm -o grey
    ts-import wide.pgm small.pgm >two
    vq-encode grey two -o codes
    ts-info --json codes | jq -c '[.tensors[].name]' | says '["codes.wide","codes.small"]' cat
    vq-decode grey codes | ts-diff - two
    ts-import "$parrot" "$parrot" >pair
    vq-train -q --codes 8 --steps 5 --patch 8x8 pair -o cb
    vq-encode cb pair | vq-decode cb - | ts-select -n images.names | ts-diff - <(ts-select -n images.names pair)
}

@test "sound and series come back as such" {
    for i in 1 2; do
        head -c 1990 /dev/urandom | ts-import -f raw --dtype i16 --shape 995,1 --name a >a
        ts-export -f wav --rate 8000 a >$i.wav
    done
    ts-import 1.wav 2.wav >sounds
    vq-train -q -m kmeans --codes 70 --frame 30 sounds -o cb
    vq-encode cb sounds | vq-decode cb - >back
    ts-diff back sounds
    ts-export -f wav -n 1 back | cmp - 1.wav
    ts-select -n temp "$TOP/data/bike.csv.gz" >series
    vq-train -q --codes 16 --frame 24 --steps 50 series -o days
    vq-encode days series | vq-decode days - >back
    ts-export series | cut -d , -f 1 >times
    ts-export back | cut -d , -f 1 | cmp - times
}

@test "levels add up; statistics by level" {
    rows 400 4 >rows.plumb
    for method in simvq kmeans; do
        vq-train -q -m $method --levels 3 --codes 16 --steps 60 rows.plumb -o cb
        vq-encode cb rows.plumb -o codes
        vq-decode cb codes | vq-encode cb - | vq-decode cb - >twice
        vq-stats --json cb codes rows.plumb >stats
        jq -e '.levels == 3 and .bits_per_vector == 12 and (.by_level | length) == 3
            and .by_level[0].mse > .by_level[2].mse and .by_level[2].mse == .mse
            and .usage > 0 and .usage <= 1 and .perplexity >= 1 and .perplexity <= 16' stats
    done
    ts-info --json cb | jq -c '.tensors[0].shape' | says '[3,16,4]' cat
    vq-stats --curve cb codes rows.plumb | ts-plot -f term --size 40x20 >picture
    grep -q psnr picture
    fails 2 'vq-stats: --curve needs the original as third operand' vq-stats --curve cb codes
}

@test "statistics: usage, perplexity, bits, mse and psnr by their definitions" {
    printf '0,0\n1,0\n2,0\n3,0\n' | tr ',' '\n' | ts-import -q --no-history | ts-export -f npy -n values | tail -c 64 |
        ts-import -f raw --dtype f64 --shape 4,2 --name x >x
    vq-train -q -m kmeans --codes 4 x -o cb
    printf '0,0\n1,0\n1,0\n2.5,0\n' | tr ',' '\n' | ts-import -q --no-history | ts-export -f npy -n values | tail -c 64 |
        ts-import -f raw --dtype f64 --shape 4,2 --name x >y
    vq-encode cb y | vq-stats --json --dead cb - y >stats
    # codes 0, 1, 1 and the lower of 2 and 3: 3 of 4 used; entropy 1.5 bits; error 0.25 in one of 8 numbers
    jq -c '[.vectors, .codes, .used, .dead, .usage, .bits_per_vector, .entropy_bits, .mse, (.dead_codes | length)]' stats |
        says '[4,4,3,1,0.75,2,1.5,0.03125,1]' cat
    jq -e '(.perplexity - 2.8284271247461903 | fabs) < 1e-9 and (.psnr - 23.0103 | fabs) < 1e-3' stats
}

@test "an encoder is trained with the codes, as the issue of units is its own" {
    for gradient in straight rotation; do
        vq-train -q --encoder mlp --gradient $gradient --dim 8 --codes 64 --steps 300 --patch 4x4 "$parrot" -o cb
        vq-encode cb "$parrot" -o codes
        vq-stats --json cb codes "$parrot" | tee stats | jq -e '.mse < 0.02 and .usage > 0.2' || { cat stats; false; }
        vq-decode cb codes | ts-info --json | jq -c '.tensors[0].shape' | says '[1,192,256,3]' cat
    done
    ts-info --json cb | jq -c '[.tensors[].name]' |
        says '["codebook","basis","map.weight","map.bias","mean","scale","encoder.0.weight","encoder.0.bias","encoder.1.weight","encoder.1.bias","decoder.0.weight","decoder.0.bias","decoder.1.weight","decoder.1.bias"]' cat
}

@test "convolutions: a code for each place of a patch, of pictures and of sound" {
    vq-train -q --encoder conv:8,12 --dim 6 --codes 64 --levels 2 --patch 16x8 --batch 16 --steps 200 "$parrot" -o cb
    ts-info --json cb | jq -c '[.tensors[] | select(.name | test("weight")) | .shape]' |
        says '[[2,6,6],[8,3,3,3],[12,8,3,3],[6,12,3,3],[12,6,3,3],[8,12,3,3],[3,8,3,3]]' cat
    vq-encode cb "$parrot" -o codes
    ts-info --json codes | jq -c '.tensors[0].shape' | says '[4608]' cat # 12 x 32 patches of 8 places, 2 x 6 bits
    vq-encode --no-pack cb "$parrot" -o plain
    ts-info --json plain | jq -c '.tensors[0].shape' | says '[3072,2]' cat
    vq-decode cb codes -o back
    vq-decode cb plain | ts-diff - back
    ts-info --json back | jq -c '.tensors[0].shape' | says '[1,192,256,3]' cat
    vq-stats --json cb codes "$parrot" | tee stats |
        jq -e '.vectors == 3072 and .bits_per_vector == 12 and .mse < 0.02' || { cat stats; false; }
    # a part alone is coded as it is in the whole
    ts-import "$parrot" | ts-select --slice 'images[:,16:48,:,:]' >part
    vq-encode --no-pack cb part | ts-diff <(ts-select --rows 256:768 plain) -
    for j in 1 3; do
        vq-train -q --no-history -j $j --encoder conv:4 --codes 16 --frame 16 --steps 20 -o cb$j <(
            head -c 4000 "$parrot" | ts-import -f raw --dtype i8 --shape 4000,1 --name x)
    done
    cmp cb1 cb3
    fails 2 'vq-train: --encoder conv halves vectors of 6 x 4 pixels 2 times: give sides that are multiples of 4 (--patch, --frame)' \
        vq-train --encoder conv --patch 6x4 "$parrot" -o none
    fails 2 "vq-train: --encoder: 'conv:0' is none of none, mlp:WIDTH,... and conv:FILTERS,..., with up to 8 numbers from 1 to 65536" \
        vq-train --encoder conv:0 --patch 4x4 "$parrot" -o none
    fails 2 'vq-train: --method kmeans trains no encoder' vq-train -m kmeans --encoder mlp --patch 4x4 "$parrot" -o none
}

@test "--explain counts from headers, for all methods" {
    vq-train --explain --codes 64 --patch 4x4 "$parrot" >plan # 192 x 256 pixels
    says "vectors: 3072
numbers_per_vector: 48
codes: 64
levels: 1
numbers_per_code: 48
codes_per_vector: 1
parameters: 8496
steps: 1000
passes_over_data: 166.7
operations: 3.82e+09
model_bytes: 33984
training_bytes: 4424448" cat plan
    vq-train --explain -m kmeans --codes 64 --levels 2 --patch 4x4 "$parrot" | grep -qx 'passes_over_data: 50'
    vq-train --explain --encoder conv:8,12 --patch 8x8 --codes 64 "$parrot" | grep -qx 'codes_per_vector: 4'
    fails 3 'vq-train: there are no vectors to train on' \
        sh -c 'printf -- "--- !plumbline1 {end: 0, size: 0, sum: x00000000}     #85383c19\n" | vq-train --explain'
    fails 2 'vq-train: --dim 4: the vectors have 48 numbers, and only an encoder changes that (--encoder mlp)' \
        vq-train --explain --dim 4 --patch 4x4 "$parrot"
}

@test "SimVQ uses more codes than vanilla VQ, and its error is smaller" {
    for method in simvq vanilla; do
        vq-train -q -m $method --codes 1024 --steps 200 --patch 4x4 "$parrot" -o $method.cb
        vq-encode $method.cb "$parrot" | vq-stats --json $method.cb - "$parrot" >$method
    done
    jq -s -e '.[0].used > 2 * .[1].used and .[0].mse < .[1].mse' simvq vanilla
}

@test "codes that start as vectors of the data: the same vectors, each another one" {
    rows 60 6 >rows.plumb
    for method in simvq vanilla; do
        vq-train -q -m $method --init data --codes 60 --steps 1 --lr 0 rows.plumb -o cb
        vq-encode cb rows.plumb | vq-stats --json cb - rows.plumb |
            jq -e '.used == 60 and .mse < 1e-12' || { echo $method; false; }
    done
    # The codes of a second level are what the first leaves over of other vectors, exact for those.
    vq-train -q --init data --codes 30 --levels 2 --steps 1 --lr 0 rows.plumb -o cb
    vq-encode cb rows.plumb | vq-decode cb - -o back
    paste -d , <(table rows.plumb rows) <(table back rows) | awk -F, '
        { far = 0; for (i = 1; i <= 6; i++) far += ($i - $(i + 6)) ^ 2; exact += far < 1e-10 }
        END { if (exact < 30 || exact > 45) { print exact; exit 1 } }'
}

@test "started as vectors of the data SimVQ uses nearly all codes, and its error is smaller" {
    vq-train -q --init data --codes 1024 --steps 100 --patch 4x4 "$parrot" -o data.cb
    vq-train -q --codes 1024 --steps 100 --patch 4x4 "$parrot" -o normal.cb
    for init in data normal; do
        vq-encode $init.cb "$parrot" | vq-stats --json $init.cb - "$parrot" >$init
    done
    jq -s -e '.[0].usage > 0.95 and .[0].used > .[1].used and .[0].mse < .[1].mse' data normal ||
        { cat data normal; false; }
}

@test "real patches: nearly all codes of SimVQ are used, few of vanilla VQ" {
    long_under_valgrind
    need_data data/vision/cifar10/train_1500.bin.gz data/vision/cifar10/test_500.bin.gz
    ts-import -f cifar "$DATA/data/vision/cifar10/train_1500.bin.gz" | ts-select -n images -o train
    ts-import -f cifar "$DATA/data/vision/cifar10/test_500.bin.gz" | ts-select -n images -o held
    for method in simvq vanilla; do
        vq-train -q -m $method --codes 1024 --steps 300 --patch 4x4 train -o $method.cb
        vq-encode $method.cb held | vq-stats --json $method.cb - held >$method # 31 patches a code
    done
    jq -s -e '.[0].usage > 0.95 and .[1].usage < 0.15 and .[0].mse < 0.75 * .[1].mse' simvq vanilla ||
        { cat simvq vanilla; false; }
}

@test "two pictures, and another that is coded with them; all recordings" {
    long_under_valgrind
    need_data data/images/kodim03.png data/audio/0_george_5.wav
    S=$DATA/data
    ts-import "$S/images/kodim03.png" "$S/images/kodim20.png" -o pictures.plumb
    vq-train -q --method simvq --codes 1024 --patch 4x4 --seed 1 pictures.plumb -o cb.plumb
    ts-import "$S/images/kodim23.png" | vq-encode cb.plumb - -o codes.plumb
    vq-stats --json cb.plumb codes.plumb |
        jq -e '.usage > 0.3 and .perplexity > 30 and .bits_per_vector == 10 and (has("mse") | not)'
    vq-stats --json cb.plumb codes.plumb "$S/images/kodim23.png" | jq -e '.mse < 0.005 and .psnr > 23'
    vq-decode cb.plumb codes.plumb | ts-export -f png -o back.png
    ts-import back.png | ts-diff -q --atol 200 - "$S/images/kodim23.png" # of the same size
    ts-import "$S"/audio/*.wav | vq-train -q --method simvq --codes 512 --frame 64 - -o sound.plumb
    vq-encode sound.plumb "$S/audio/0_george_5.wav" -o codes.plumb
    vq-stats sound.plumb codes.plumb "$S/audio/0_george_5.wav" | awk '$1 == "psnr:" { exit $2 < 20 }'
    vq-decode sound.plumb codes.plumb | ts-export -f wav -o back.wav
    [ "$(wc -c <back.wav)" = "$(wc -c <"$S/audio/0_george_5.wav")" ]
}

@test "the basis stays as it was; -j and the seed" {
    rows 300 6 >rows.plumb
    vq-train -q --no-history --codes 20 --steps 1 rows.plumb -o one
    vq-train -q --no-history --codes 20 --steps 40 rows.plumb -o many
    ts-diff -q <(ts-select -n basis one) <(ts-select -n basis many)
    run -1 ts-diff -q <(ts-select -n codebook one) <(ts-select -n codebook many)
    vq-train -q --no-history --codes 20 --steps 40 --both rows.plumb -o both
    run -1 ts-diff -q <(ts-select -n basis one) <(ts-select -n basis both)
    for method in simvq vanilla ema kmeans; do
        for j in 1 3; do
            vq-train -q -m $method --codes 600 --steps 5 --no-history -j $j "$parrot" --patch 4x4 -o cb$j 2>/dev/null
            vq-encode --no-history -j $j cb$j "$parrot" -o codes$j
        done
        cmp cb1 cb3
        cmp codes1 codes3
    done
    vq-train -q --no-history --codes 20 --steps 40 --seed 1 rows.plumb -o seeded
    run -1 ts-diff -q seeded many
}

@test "stopped and resumed, by a signal or a crash, the codebook is the same" {
    head -c 160000 /dev/urandom | ts-import -f raw --dtype i8 --shape 20000,8 --name x >noise
    for method in 'simvq --encoder mlp' 'vanilla --init data' ema 'ema --encoder mlp:8' kmeans; do
        settings=(--patch 4x4 --levels 2 --codes 40 --steps 600 "$parrot")
        [ "$method" != kmeans ] || settings=(--levels 2 --codes 100 noise --steps 150)
        vq-train -q -m $method "${settings[@]}" --log whole.csv -o whole.cb
        for signal in TERM KILL; do
            vq-train -q -m $method "${settings[@]}" --log part.csv --checkpoint ck \
                --checkpoint-every 0.005s -o out.cb &
            job=$!
            for _ in $(seq 500); do [ -e ck ] && break; sleep 0.01; done
            kill -$signal $job
            status=0
            wait $job || status=$?
            [ $status = $((128 + $(kill -l $signal))) ]
            [ ! -e out.cb ]
            ts-check -q ck
            fails 3 'vq-encode: ck: the checkpoint of a training, whose codes are not those of the data yet (vq-train --resume makes a codebook of it)' \
                vq-encode ck "$parrot"
            data=$parrot
            [ "$method" != kmeans ] || data=noise
            vq-train -q -j 2 --log part.csv --resume ck "$data" -o resumed.cb
            cmp whole.cb resumed.cb
            [ "$(cut -d, -f 1-6 part.csv)" = "$(cut -d, -f 1-6 whole.csv)" ]
            rm -f ck resumed.cb part.csv *.tmp* .*.tmp*
        done
    done
    ts-plot -f term --size 40x20 whole.csv | grep -q loss
}

@test "a training is resumed as it began or not at all" {
    rows 300 6 >rows.plumb
    vq-train -q --codes 20 --steps 9 --checkpoint ck --checkpoint-every 0.0000001 rows.plumb -o cb
    vq-train -q --resume ck rows.plumb | cmp - cb
    cat ck | vq-train -q --resume - rows.plumb | cmp - cb
    for data in '' -; do
        fails 2 'vq-train: --resume and DATA cannot both be standard input' vq-train --resume - $data <ck
    done
    fails 2 'vq-train: ck: the checkpoint is of a run with other options: --method ema was simvq, --lr 0.5 was 0.001' \
        vq-train --resume ck --lr 0.5 -m ema rows.plumb -o none
    fails 2 'vq-train: ck: the checkpoint is of a run with other options: --frame 2 was 1' \
        vq-train --resume ck --frame 2 rows.plumb -o none
    fails 2 'vq-train: ck: the checkpoint is of a run with other options: --seed 3 was 0' \
        vq-train --resume ck --seed 3 rows.plumb -o none
    fails 3 'vq-train: ck: the checkpoint is of a run on 300 vectors; these are 200' \
        vq-train -q --resume ck <(ts-select --rows 0:200 rows.plumb) -o none
    rows 300 6 7 >other.plumb
    run --separate-stderr -3 vq-train -q --resume ck other.plumb -o none
    [[ $stderr =~ ^'vq-train: ck: the checkpoint is of a run on other data: their sum was x'[0-9a-f]+' and is x' ]]
    fails 3 'vq-train: cb: not a checkpoint of a training' vq-train --resume cb rows.plumb -o none
    fails 3 'vq-train: rows.plumb: not a checkpoint of codes' vq-train --resume rows.plumb rows.plumb -o none
    fails 3 'lin-train: ck: not a checkpoint of a training' lin-train --resume ck rows.plumb -o none
    head -c 3000 ck >cut
    run -4 vq-train --resume cut rows.plumb -o none
    for gone in optim.mean.map.weight basis; do
        ts-select --drop $gone ck >less
        run --separate-stderr -3 vq-train -q --resume less rows.plumb -o none
        [[ $stderr == *"'$gone'"* ]]
    done
    vq-train -q -m ema --codes 20 --steps 9 --checkpoint ck --checkpoint-every 0.0000001 rows.plumb -o cb
    fails 3 "vq-train: less: no tensor 'average.sums'" \
        sh -c 'ts-select --drop average.sums ck >less; vq-train -q --resume less rows.plumb -o none'
    cp rows.plumb data.plumb
    fails 2 'vq-train: --checkpoint ./data.plumb: the file is read too' \
        vq-train --checkpoint ./data.plumb data.plumb -o none
    fails 2 'vq-train: --log data.plumb: the file is read too' vq-train --log data.plumb data.plumb -o none
    fails 2 'vq-train: --log ck: the file is read too' vq-train --log ck --resume ck rows.plumb -o none
    cmp data.plumb rows.plumb
    [ ! -e none ]
}

@test "k-means ends when nothing changes, and says how long that took" {
    rows 300 6 >rows.plumb
    timeout 10 vq-train -m kmeans --codes 20 --levels 2 --steps 1000000000 --log log.csv rows.plumb -o cb 2>err
    rows=$(($(wc -l <log.csv) - 1))
    [ $rows -lt 200 ]
    grep -q "^vq-train: $rows steps: " err
    tail -n 1 log.csv | awk -F, -v rows=$rows '{ exit !($1 == 2000000000 && $2 == 300 * rows) }'
    # numbers whose squares are none in single precision
    numbers 50 2 | sed 's/,/e25,/; s/$/e25/' | ts-import -q >huge
    vq-train -q -m kmeans --no-normalise --codes 20 --steps 5 huge -o cb
    vq-encode cb huge | vq-decode cb - | ts-info >/dev/null
}

@test "stopped while it looks at all vectors after the last step" {
    head -c 8000000 /dev/urandom | ts-import -f raw --dtype i8 --shape 1000000,8 --name x >noise
    vq-train -m vanilla --codes 2000 --steps 1 --checkpoint ck noise -o cb 2>err &
    job=$!
    for _ in $(seq 500); do grep -q '1 steps' err && break; sleep 0.01; done
    kill $job
    status=0
    wait $job || status=$?
    [ $status = 143 ] && [ ! -e cb ]
    ts-info ck >/dev/null
}

@test "a second Ctrl-C does not wait for the end of a pass, nor for a checkpoint" {
    head -c 8000000 /dev/urandom | ts-import -f raw --dtype i8 --shape 1000000,8 --name x >noise
    env --default-signal=INT vq-train -q -m kmeans --codes 8192 --steps 3 --checkpoint ck noise -o cb &
    job=$!
    sleep 0.7
    kill -INT $job
    sleep 0.1
    kill -INT $job 2>/dev/null || true
    status=0
    wait $job || status=$?
    [ $status = 130 ] && [ ! -e cb ] && [ ! -e ck ]
}

@test "a checkpoint that cannot be written is not passed over, stopped or not" {
    rows 300 6 >rows.plumb
    mkdir gone
    vq-train --codes 20 --steps 100000000 --checkpoint gone/ck --log log.csv rows.plumb -o cb 2>err &
    job=$!
    for _ in $(seq 500); do [ -s log.csv ] && break; sleep 0.01; done
    rmdir gone
    kill $job
    status=0
    wait $job || status=$?
    [ $status != 0 ] && [ ! -e cb ]
    grep -q "^vq-train: cannot write 'gone/ck': " err
}

@test "a rate that rises and gradients that are held to a norm" {
    rows 300 6 >rows.plumb
    vq-train -q --codes 20 --steps 4 --warmup 2 --lr 0.5 --log rate.csv rows.plumb -o cb
    [ "$(cut -d, -f 5 rate.csv | tr '\n' ' ')" = 'rate 0.25 0.5 0.5 0.5 ' ]
    vq-train -q --no-history --codes 20 --steps 4 rows.plumb -o free
    vq-train -q --no-history --codes 20 --steps 4 --clip 1e-9 rows.plumb -o held
    run -1 ts-diff -q free held
}

@test "what does not fit is refused" {
    rows 50 6 >rows.plumb
    rows 50 5 >five.plumb
    vq-train -q -m kmeans --codes 20 rows.plumb -o cb
    vq-encode cb rows.plumb -o codes
    fails 3 "vq-encode: five.plumb: tensor 'rows': vectors of 5 numbers, and those of the codebook have 6" \
        vq-encode cb five.plumb -o none
    fails 3 "vq-train: five.plumb: tensor 'rows': vectors of 5 numbers, and those of the codebook have 6" \
        vq-train rows.plumb five.plumb -o none
    fails 2 'vq-train: --dim 4: the vectors have 6 numbers, and only an encoder changes that (--encoder mlp)' \
        vq-train --dim 4 rows.plumb -o none
    { numbers 9 2; echo NaN,1; } | ts-import -q >nan.plumb
    fails 3 "vq-train: nan.plumb: tensor 'values': row 9, number 0 is NaN: quantize finite numbers only" \
        vq-train nan.plumb -o none
    vq-train -q -m kmeans --codes 2 <(ts-select --rows 0:9 nan.plumb) -o pairs
    fails 3 "vq-encode: nan.plumb: tensor 'values': row 9, number 0 is NaN: quantize finite numbers only" \
        vq-encode pairs nan.plumb -o none
    vq-train -q -m kmeans --codes 20 --seed 2 rows.plumb -o other
    status=0
    vq-decode other codes -o none 2>err || status=$?
    [ $status = 3 ] && grep -q '^vq-decode: codes: made with another codebook: its sum is x' err
    fails 3 'vq-encode: codes: no codebook, but codes (vq-train makes codebooks)' vq-encode codes rows.plumb -o none
    fails 3 'vq-decode: rows.plumb: no codes, but tensors (vq-encode makes codes)' vq-decode cb rows.plumb -o none
    fails 3 'vq-encode: codes: codes, not data to encode (vq-decode reads codes)' vq-encode cb codes -o none
    status=0
    vq-train --codes 2000000000 rows.plumb -o none 2>err || status=$?
    [ $status = 5 ] && grep -q '^vq-train: out of memory: training the codes takes 240.0 GB, the machine has ' err
    status=0
    vq-train --encoder mlp:65536,65536 rows.plumb -o none 2>err || status=$?
    [ $status = 5 ] && grep -q '^vq-train: out of memory: training the codes takes 1[34]' err
    fails 2 'vq-train: --init is not for kmeans' \
        vq-train -m kmeans --init data rows.plumb -o none
    fails 2 'vq-train: --decay is not for other methods than ema' vq-train --decay 0.9 rows.plumb -o none
    fails 2 'vq-train: --both goes with --method simvq only' vq-train -m ema --both rows.plumb -o none
    fails 2 'vq-train: --gradient rotation needs an --encoder to go to' \
        vq-train --gradient rotation rows.plumb -o none
    fails 2 'vq-train: --lr is not for ema without --encoder' vq-train -m ema --lr 0.5 rows.plumb -o none
    fails 2 'vq-train: --init data: what an --encoder makes of the data is not known before' \
        vq-train --init data --encoder mlp rows.plumb -o none
    fails 2 'vq-encode: CODEBOOK and DATA cannot both be standard input' vq-encode - - -o none
    fails 2 'vq-train: --patch: '"'4y4'"' is no number of pixels from 1 to 4096; 4x4 is a patch' \
        vq-train --patch 4y4 "$parrot" -o none
    fails 2 'vq-train: --patch and --frame: vectors are one or the other' vq-train --patch 4x4 --frame 2 "$parrot" -o none
    [ ! -e none ]
}

# coded DOCUMENT PAYLOAD [NUMBER]: a stream of codes made by hand
coded() {
    start coded
    record 'meta: stream' 'kind: codes\n'
    record 'meta: codes' "$1"
    record "tensor: codes, dtype: u8, shape: [${3:-3}], codec: raw" "$2"
    end
}

@test "codes that the codebook does not have, documents that do not fit, damaged streams" {
    rows 50 6 >rows.plumb
    vq-train -q -m kmeans --codes 20 rows.plumb -o cb
    vq-encode --no-history --no-pack cb <(ts-select --rows 0:3 rows.plumb) -o codes
    sum=$(grep -a -o 'codebook: *"*x[0-9a-f]*' codes | grep -o 'x[0-9a-f]*$')
    document() {
        printf 'codebook: "%s"\ncodes: %s\nlevels: 1\nkind: tensors\n%s: 1\ntensors:\n- name: rows\n  codes: codes\n  dtype: f32\n  shape: %s\n' \
            "${4:-$sum}" "${1:-20}" "${3:-frame}" "${2:-[3, 6]}"
    }
    coded "$(document)" '\001\023\002'
    says 3 sh -c "vq-decode cb coded | ts-info --json | jq '.tensors[0].shape[0]'"
    coded "$(document)" '\001\024\002'
    fails 3 "vq-decode: coded: tensor 'codes': the code of vector 1 in level 0 is 20, and the codebook has 20 codes" \
        vq-decode cb coded -o none
    coded "$(document 20 '[4, 6]')" '\001\002\003'
    fails 3 "vq-decode: coded: the codes 'codes' are not of the type or number that meta 'codes' says" \
        vq-decode cb coded -o none
    coded "$(document 20 '[9000000000000000000, 6]')" '\001\002\003'
    fails 3 "vq-decode: coded: the codes 'codes' are not of the type or number that meta 'codes' says" \
        vq-decode cb coded -o none
    coded "$(document 20 '[3, 5]')" '\001\002\003'
    fails 3 'vq-decode: coded: its document does not fit the codebook' vq-decode cb coded -o none
    coded "$(document; printf 'places: 2')" '\001\002\003'
    fails 3 'vq-decode: coded: its document does not fit the codebook' vq-decode cb coded -o none
    coded "$(document; printf 'places: 0')" '\001\002\003'
    fails 3 "vq-decode: coded: meta 'codes': 20 codes in 1 levels and 0 places of 0 bits" vq-decode cb coded -o none
    coded "$(document 20 '[3, 6]' box)" '\001\002\003'
    fails 3 "vq-decode: coded: meta 'codes': neither a patch nor a frame" vq-decode cb coded -o none
    coded "$(document 20 '[3, 6]' frame x00000000)" '\001\002\003'
    fails 3 "vq-decode: coded: made with another codebook: its sum is x00000000, and this one has $sum" \
        vq-decode cb coded -o none
    at=$(grep -a -b -o '^--- !plumbline1 {tensor' codes | cut -d : -f 1)
    { head -c $((at + 128)) codes; printf X; tail -c +$((at + 130)) codes; } >flipped
    status=0
    vq-decode cb flipped -o none 2>err || status=$?
    [ $status = 3 ]
    [ "$(wc -l <err)" = 1 ]
    fails 4 'vq-decode: standard input: stream ended without an end record' \
        sh -c "head -c $at codes | vq-decode cb - -o none"
    [ ! -e none ]
    head -c 480 "$parrot" | ts-import -f raw --dtype i8 --shape 480,1 --name x >x
    vq-train -q --encoder conv:4 --codes 16 --frame 16 --steps 1 x -o conv
    vq-encode --no-history conv x -o codes
    sum=$(grep -a -o 'codebook: *"*x[0-9a-f]*' codes | grep -o 'x[0-9a-f]*$')
    document=$(printf 'codebook: "%s"\ncodes: 16\nlevels: 1\nplaces: 8\nkind: tensors\nframe: 16\ntensors:\n- name: x\n  codes: codes\n  dtype: i8\n  shape: [32, 1]\n' "$sum")
    coded "$document" '\001\001\001\001\001\001\001\001\001\001\001\001\001\001\001\001' 16
    vq-decode conv coded -o back
    coded "$document" '\001\001\001\001\001\001\001\001\001\001\020\001\001\001\001\001' 16
    fails 3 "vq-decode: coded: tensor 'codes': the code of vector 1 at place 2 in level 0 is 16, and the codebook has 16 codes" \
        vq-decode conv coded -o none
}

@test "warnings: more codes than vectors, vectors all the same, codes hardly used" {
    rows 10 3 >few.plumb
    fails 0 'vq-train: warning: 20 codes for 10 vectors: there are more codes than can be used' \
        sh -c 'vq-train -m kmeans --codes 20 few.plumb -o cb 2>&1 | grep warning >&2'
    head -c 120 /dev/zero | ts-import -f raw --dtype f32 --shape 10,3 --name x >same
    fails 0 'vq-train: warning: all vectors are the same: one code will stand for them all' \
        sh -c 'vq-train -m kmeans --codes 5 same -o cb 2>&1 | grep warning: | head -n 1 >&2'
    vq-encode cb same | vq-decode cb - | ts-diff - same
    printf '0,-0.0\n-0.0,0\n' >zeros.csv
    vq-train --codes 2 --steps 1 zeros.csv -o cb 2>&1 | grep -q 'warning: all vectors are the same'
    rows 2000 1 >rows.plumb # all but a few lie beyond the outermost codes
    vq-train --method vanilla --init uniform --codes 512 --steps 3 --lr 0 rows.plumb 2>err >cb
    grep -q 'warning: only .* codes (.*) are used' err || { cat err; false; }
}

@test "empty input: 3 for vq-train, an empty stream for vq-encode and vq-decode" {
    rows 50 6 >rows.plumb
    vq-train -q -m kmeans --codes 20 rows.plumb -o cb
    printf -- '--- !plumbline1 {end: 0, size: 0, sum: x00000000}     #85383c19\n' >empty
    fails 3 'vq-train: there are no vectors to train on' vq-train empty -o none
    vq-encode --no-history cb empty | cmp - empty
    vq-decode --no-history cb empty | cmp - empty
    vq-encode cb empty | vq-decode cb - | ts-info --json | jq -c .tensors | says '[]' cat
    ts-select --rows 0:0 rows.plumb >none.plumb
    fails 3 'vq-train: there are no vectors to train on' vq-train none.plumb -o none
    vq-encode cb none.plumb | vq-decode cb - | ts-diff - none.plumb
    vq-stats --json cb empty | jq -c '[.vectors, .usage, .perplexity]' | says '[0,0,0]' cat
}

@test "memory does not grow with the number of vectors" {
    [ -z "$CHECKER" ] || skip "no measure under $CHECKER"
    rows 500 16 >rows.plumb
    vq-train -q -m kmeans --codes 64 --steps 2 rows.plumb -o cb
    head -c 64000000 /dev/zero | ts-import -f raw --dtype f32 --shape 1000000,16 --name x >zeros
    limited() { (ulimit -v 300000; "$@"); } # 64 MB of it for the mapped file
    limited vq-encode -j 1 cb zeros -o codes
    limited vq-decode -j 1 cb codes -o back
    limited vq-stats cb codes zeros | grep -q 'vectors: 1000000'
}
