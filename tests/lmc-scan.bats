# lmc-scan: the line between two nets, what is said of it, what does not fit.
# SPDX-License-Identifier: MIT
load helper
bats_require_minimum_version 1.5.0

net() {
    local name=$1 seed=$2
    shift 2
    lin-train -q -m mlp --set widths=24,24 --epochs 6 --seed "$seed" "$@" digits.plumb -o "$name.plumb"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    ts-import -q --images "$TOP/data/digits-images.gz" --labels "$TOP/data/digits-labels.gz" -o digits.plumb
    net a 1 && net b 2
    lin-train -q -m cnn --set widths=4,8 --set norm=batch --epochs 2 --seed 1 digits.plumb -o c.plumb
    lin-train -q -m cnn --set widths=4,8 --set norm=batch --epochs 2 --seed 2 digits.plumb -o d.plumb
}

setup() {
    cd "$T" && cp "$BATS_FILE_TMPDIR"/*.plumb .
}

# all KEY FILE: all numbers of that name in a JSON report, a line each
all() { grep -o "\"$1\": [-+0-9.e]*" "$2" | sed 's/.* //'; }

# value KEY FILE: the first of them
value() { all "$1" "$2" | head -n 1; }

# score KEY MODEL: of the model on the digits
score() {
    lin-eval --json "$2" digits.plumb >score.json
    value "$1" score.json
}

# less A B, near A B TOLERANCE: what is no number is neither
numbers='function number(x) { return x ~ /^[-+]?[0-9]*\.?[0-9]+(e[-+]?[0-9]+)?$/ }'
less() { awk -v a="$1" -v b="$2" "$numbers"' BEGIN { exit !(number(a) && number(b) && a < b) }'; }
near() {
    awk -v a="$1" -v b="$2" -v t="$3" "$numbers"'
        BEGIN { d = a - b; exit !(number(a) && number(b) && (d < 0 ? -d : d) <= t) }'
}

@test "what is no number is neither less nor near" {
    echo '{"barrier": 0.25, "points": [{"barrier": -1e-05}], "text": "x"}' >report
    says 0.25 value barrier report
    says $'0.25\n-1e-05' all barrier report
    says '' value absent report
    says '' value text report
    less -1e-05 0.25
    near 1 1.5 0.5
    for number in '' nan -inf x 1.2.3; do
        run -1 less "$number" 0.5
        run -1 less 0.5 "$number"
        run -1 near "$number" "$number" 1e-5
    done
}

@test "a barrier that reordering takes away" {
    lmc-scan --json --points 9 a.plumb b.plumb digits.plumb >before.json
    wm-permute -q a.plumb b.plumb | lmc-scan --json --points 9 a.plumb - digits.plumb >after.json
    less "$(value barrier after.json)" "$(value barrier before.json)"
    less 0.1 "$(value barrier before.json)"
    near "$(value loss_b after.json)" "$(value loss_b before.json)" 1e-5
    less "$(value distance after.json)" "$(value distance before.json)"
    near "$(value loss_a before.json)" "$(score loss a.plumb)" 1e-5
    for key in connected alignment prediction from_middle points excess; do grep -q "\"$key\"" before.json; done
}

@test "from a model to itself nothing rises; both ways are mirror images" {
    lmc-scan --json --points 3 a.plumb a.plumb digits.plumb >same.json
    near "$(value barrier same.json)" 0 1e-6
    near "$(value distance same.json)" 0 0
    [[ "$(<same.json)" == *'"gamma": 0, "r": 1'* || "$(<same.json)" == *'"gamma": 0, "r": 0.99999'* || "$(<same.json)" == *'"gamma": 0, "r": 1.0000'* ]]
    lmc-scan --json --points 5 --no-align --no-predict a.plumb b.plumb digits.plumb >there.json
    lmc-scan --json --points 5 --no-align --no-predict b.plumb a.plumb digits.plumb >back.json
    near "$(value barrier there.json)" "$(value barrier back.json)" 1e-5
    ! grep -q alignment there.json || return 1
}

@test "layers, exact terms, a common start, a refined maximum" {
    lin-train -q -m mlp --from a.plumb --epochs 1 --seed 7 digits.plumb -o fork.plumb
    lmc-scan --json --points 5 --layers --terms --refine --base a.plumb b.plumb fork.plumb digits.plumb >r.json
    for key in layers barrier_others_a predicted terms curve spread label fork angle; do grep -q "\"$key\"" r.json; done
    near "$(awk "BEGIN { print $(value curve r.json) - $(value spread r.json) - $(value label r.json) }")" \
        "$(value barrier_middle r.json)" 1e-5
    less -1e-9 "$(value spread r.json)"
    grep -q '"name": "layer2"' r.json
    # the first layers up to the last, and the last ones from the first on, are the whole line
    near "$(all barrier_up_to r.json | tail -n 1)" "$(all barrier_from r.json | head -n 1)" 1e-6
    near "$(all barrier_up_to r.json | head -n 1)" "$(all barrier_others_a r.json | head -n 1)" 1e-6
    grep -q '"rank_correlation"' r.json
}

@test "activations, straight-through estimation, repair" {
    for method in activations ste; do
        wm-permute -q --method $method --data digits.plumb --steps 3 --batch 200 a.plumb b.plumb -o b2.plumb
        lmc-scan --json --points 3 --no-align --no-predict a.plumb b2.plumb digits.plumb >after.json
        lmc-scan --json --points 3 --no-align --no-predict a.plumb b.plumb digits.plumb >before.json
        less "$(value barrier after.json)" "$(value barrier before.json)"
        near "$(value loss_b after.json)" "$(value loss_b before.json)" 1e-5
    done
    wm-permute -q --interpolate 0.5 c.plumb d.plumb -o plain.plumb
    wm-permute -q --interpolate 0.5 --repair digits.plumb c.plumb d.plumb -o mended.plumb
    less "$(score accuracy plain.plumb)" "$(score accuracy mended.plumb)"
    wm-permute -q --mean a.plumb b.plumb -o plain.plumb
    wm-permute -q --mean --repair digits.plumb a.plumb b.plumb -o mended.plumb
    less "$(score accuracy plain.plumb)" "$(score accuracy mended.plumb)"
    fails 2 'wm-permute: this method needs --data, pictures to look at' wm-permute --method ste a.plumb b.plumb
    fails 2 'wm-permute: --data needs --method activations or ste' wm-permute --data digits.plumb a.plumb b.plumb
    fails 2 'wm-permute: --repair mends a merged model: --mean or --interpolate' wm-permute --repair digits.plumb a.plumb b.plumb
}

@test "convolutions with norms: the function stays" {
    wm-permute -q c.plumb d.plumb -o d2.plumb
    run -1 ts-diff -q d.plumb d2.plumb
    near "$(score loss d.plumb)" "$(score loss d2.plumb)" 1e-6
    lin-train -q -m resnet --set blocks=1,1 --set widths=4,8 --epochs 1 --seed 1 digits.plumb -o e.plumb
    lin-train -q -m resnet --set blocks=1,1 --set widths=4,8 --epochs 1 --seed 2 digits.plumb -o f.plumb
    wm-permute -q e.plumb f.plumb -o f2.plumb
    run -1 ts-diff -q f.plumb f2.plumb
    near "$(score loss f.plumb)" "$(score loss f2.plumb)" 1e-6
    rws-extract -q --pre e.plumb --keep 2 --name x f.plumb f2.plumb | ts-info | grep -q '^delta.layer1.0.conv2.weight'
}

@test "a patched classifier is scored as it is" {
    lin-train -q --from d.plumb --corrupt gaussian_noise:5 --steps 40 digits.plumb -o robust.plumb
    rws-extract -q --pre c.plumb --keep 2 --name n d.plumb robust.plumb -o n.plumb
    rws-patch -q d.plumb n.plumb:0.5 -o patched.plumb
    rws-patch -q --no-undo d.plumb n.plumb:0.5 -o bare.plumb
    near "$(score loss patched.plumb)" "$(score loss bare.plumb)" 0
    run -1 near "$(score loss patched.plumb)" "$(score loss d.plumb)" 1e-3
}

@test "a stream of the curve, the same bytes on any number of threads" {
    lmc-scan -q --points 5 a.plumb b.plumb digits.plumb -o line.plumb
    lmc-scan -q --points 5 -j 1 a.plumb b.plumb digits.plumb | cmp - line.plumb
    says metrics sh -c 'ts-info --meta stream line.plumb | sed "s/kind: //"'
    for name in step loss accuracy excess; do ts-info line.plumb | grep -q "^$name  *f64  *\[5\]"; done
    ts-plot -f term line.plumb >picture
    ts-info --history line.plumb | grep -q 'lmc-scan --points 5'
}

@test "what does not fit" {
    fails 3 'lmc-scan: digits.plumb: expected a classifier of pictures (mlp, cnn, resnet), found images; weights become one by ts-import --model' \
        lmc-scan a.plumb digits.plumb digits.plumb
    net wide 1 --set widths=24,30
    run -3 --separate-stderr lmc-scan a.plumb wide.plumb digits.plumb
    [[ "$stderr" == *"'layer1.weight' is [24, 24] in a.plumb and [30, 24] in wide.plumb"*"'layer2.weight'"* ]]
    run -3 lmc-scan a.plumb b.plumb a.plumb
    fails 2 "lmc-scan: only one of the inputs can be '-'" lmc-scan - - digits.plumb
}

@test "models that do not compute the same with the same weights" {
    net t 3 --set activation=tanh
    not_alike="meta model: activation is 'tanh', and 'relu' in a.plumb: with the same weights they do not compute the same"
    fails 3 "lmc-scan: t.plumb: $not_alike" lmc-scan a.plumb t.plumb digits.plumb
    fails 3 "lmc-scan: t.plumb: $not_alike" lmc-scan --base t.plumb a.plumb b.plumb digits.plumb
    fails 3 "wm-permute: t.plumb: $not_alike" wm-permute --method ste --data digits.plumb a.plumb t.plumb
    for stride in 1 4; do
        lin-train -q -m cnn --set head=mean --set widths=4 --set pool=1 --set stride=$stride --steps 1 digits.plumb -o s$stride.plumb
    done
    fails 3 "wm-permute: s4.plumb: meta model: stride is '4', and '1' in s1.plumb: with the same weights they do not compute the same" \
        wm-permute --method activations --data digits.plumb s1.plumb s4.plumb
    net deep 1 --set widths=24,24,10
    fails 3 "lmc-scan: 'layer3.weight' is not in a.plumb; 'layer3.bias' is not in a.plumb" \
        lmc-scan --base deep.plumb a.plumb b.plumb digits.plumb
}

@test "the common start is an input, too" {
    lmc-scan -q --points 2 --no-align --no-predict --base c.plumb c.plumb d.plumb digits.plumb -o line.plumb
    says 2 sh -c 'ts-info --meta history line.plumb | grep -c "name: c.plumb"'
    fails 2 "lmc-scan: only one of the inputs can be '-'" lmc-scan --base - a.plumb b.plumb - <digits.plumb
}

@test "norms: the terms make up the excess, slopes and curvatures are those of the loss" {
    for norms in reset interpolate; do
        lmc-scan --json --no-align --points 101 --terms --norms $norms c.plumb d.plumb digits.plumb >r.json
        awk -v c="$(value curve r.json)" -v s="$(value spread r.json)" -v l="$(value label r.json)" \
            -v e="$(value barrier_middle r.json)" 'BEGIN { d = c - s - l - e; exit !(d * d < 1e-10) }'
        # beside the curve's own points half-way
        read -r slope curvature <<<"$(all loss r.json | awk '{ y[NR] = $1 }
            END { print (y[52] - y[50]) / .02, (y[52] - 2 * y[51] + y[50]) / 1e-4 }')"
        sed 's/.*"middle": {\([^}]*\)}.*/\1/' r.json >middle.json
        near "$(value slope middle.json)" "$slope" 1e-3
        near "$(value curvature middle.json)" "$curvature" 0.2
    done
}

@test "distances are of weights, statistics are of the pictures that count" {
    lmc-scan --json --no-align --no-predict --points 3 --layers --base a.plumb a.plumb b.plumb digits.plumb >r.json
    near "$(value distance_b r.json)" "$(all distance r.json | head -n 1)" 1e-5
    lin-train -q -m cnn --set widths=4,8 --set norm=batch --epochs 1 --seed 3 digits.plumb -o e.plumb
    lmc-scan --json --no-align --no-predict --points 3 --max-samples 300 --layers --base e.plumb c.plumb d.plumb digits.plumb >r.json
    sed 's/.*"fork": {\([^}]*\)}.*/\1/' r.json >fork.json
    near "$(value distance fork.json)" "$(all distance r.json | head -n 1)" 1e-5
    near "$(all distance r.json | tail -n +3 | awk '{ s += $1 ^ 2 } END { print sqrt(s) }')" "$(all distance r.json | head -n 1)" 1e-4
    ts-select --head 300 digits.plumb -o few.plumb
    lmc-scan --json --no-align --no-predict --points 3 c.plumb d.plumb few.plumb >few.json
    for key in loss_a barrier_middle; do near "$(value $key r.json)" "$(value $key few.json)" 1e-6; done
}

@test "the mean as the chord, of losses and of errors, and where the highest point is looked for" {
    net weak 3 --epochs 1
    scan() { lmc-scan --json --no-align --no-predict --chord mean "$@" a.plumb weak.plumb digits.plumb; }
    scan --points 5 --refine >refined.json
    scan --points 401 >fine.json
    near "$(value barrier refined.json)" "$(value barrier fine.json)" 1e-4
    near "$(value barrier_at refined.json)" "$(value barrier_at fine.json)" 0.02
    error=$(all accuracy fine.json | awk '{ y[NR] = $1 } END { for (i in y) if ((y[1] + y[NR]) / 2 - y[i] > m) m = (y[1] + y[NR]) / 2 - y[i]; print m }')
    near "$(value error_barrier fine.json)" "$error" 1e-6
}

@test "the shipped pair: the figures of the reference" {
    long_under_valgrind
    need_data data/vision/models/mlp512/a.safetensors data/vision/mnist/t10k-images-idx3-ubyte.gz
    V=$DATA/data/vision
    ts-import -q --model mlp $V/models/mlp512/a.safetensors -o a.plumb
    ts-import -q --model mlp $V/models/mlp512/b.safetensors -o b.plumb
    ts-import -q --images $V/mnist/t10k-images-idx3-ubyte.gz --labels $V/mnist/t10k-labels-idx1-ubyte.gz -o test.plumb
    lmc-scan --json --points 3 --no-align --no-predict a.plumb b.plumb test.plumb >r.json
    near "$(value barrier r.json)" 0.883 0.001
    lmc-scan --json --points 3 --max-samples 2000 --layers --no-align --no-predict a.plumb b.plumb test.plumb >r.json
    paste <(printf '%s\n' .0409 .0136 .0043 .0098) <(all predicted r.json) >predicted # D'HD / 8
    says 4 grep -c . predicted
    while read -r expected got; do near "$got" "$expected" 0.0003; done <predicted
    wm-permute -q a.plumb b.plumb | lmc-scan --json --points 3 --no-align --no-predict a.plumb - test.plumb >r.json
    near "$(value barrier r.json)" 0 1e-6
    grep -q '"t": 0.5, "loss": 0.0679[0-9]*, "accuracy": 0.9779' r.json || grep -q '"t": 0.5, "loss": 0.0680[0-9]*, "accuracy": 0.977[89]' r.json
}
