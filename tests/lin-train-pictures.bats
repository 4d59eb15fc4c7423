# lin-train on pictures: mlp, cnn and resnet.
# SPDX-License-Identifier: MIT
load helper
bats_require_minimum_version 1.5.0

SMALL='-m cnn -s widths=4,6 -s dense=12 --batch 40'

setup() {
    cd "$T"
    ts-import --images "$TOP/data/digits-images.gz" --labels "$TOP/data/digits-labels.gz" -o digits.plumb
}

# score MODEL: accuracy and loss on the digits
score() {
    lin-eval --json "$1" digits.plumb | sed 's/.*"accuracy": *\([^,]*\), "loss": *\([^,]*\),.*/\1 \2/'
}

# beats MODEL ACCURACY
beats() {
    score "$1" | awk -v least="$2" '{ print; good = $1 > least } END { exit !(NR == 1 && good) }'
}

@test "each kind learns, with the same bytes for any number of threads" {
    long_under_valgrind
    for model in 'mlp widths=48' 'cnn norm=batch' 'resnet widths=8,16'; do
        set -- $model
        for threads in 1 3; do
            lin-train -q -j $threads --no-history -m $1 -s $2 --epochs 4 --lr 0.003 digits.plumb -o $1.$threads
        done
        cmp $1.1 $1.3
        beats $1.1 0.85
        ts-check -q $1.1
    done
}

@test "steps, epochs and the report" {
    lin-train $SMALL --epochs 2 --valid-share 0.2 --log log.csv digits.plumb 2>report >m.plumb
    [ "$(wc -l <log.csv)" = 73 ] # 2 * 1438 / 40, and the header
    grep -q '^lin-train: cnn: 692 parameters; digits.plumb: 1438 pictures of 10 classes$' report
    grep -q '^lin-train: 72 steps: loss .*, validation .*; 2880 pictures in ' report
    lin-train -q $SMALL --steps 5 --log log.csv digits.plumb >m.plumb
    [ "$(wc -l <log.csv)" = 6 ]
    lin-train -q $SMALL --steps 5 --valid digits.plumb --eval-every 2 --log log.csv digits.plumb >m.plumb
    [ "$(awk -F, '$4 != "" { print $1 }' log.csv | tr '\n' ' ')" = 'step 2 4 5 ' ]
    lin-train --explain -m mlp -s widths=none digits.plumb | grep -qx 'parameters: 650'
    ([ "$CHECKER" ] || ulimit -v 4000000; lin-train --explain -m mlp -s widths=300000,300000 digits.plumb >plan)
    grep -q '^training_state_bytes: [0-9]\{13\}$' plan
    fails 2 'lin-train: --steps and --epochs exclude each other' lin-train $SMALL --steps 2 --epochs 3 digits.plumb
    fails 2 'lin-train: --seq is not for cnn' lin-train $SMALL --seq 3 digits.plumb
    fails 2 'lin-train: --flip is not for nlinear' lin-train --flip digits.plumb
}

@test "pictures are changed each time they are seen, by the seed" {
    lin-train -q $SMALL --steps 9 --no-history digits.plumb -o plain.plumb
    for option in '--shift 1' --flip '--corrupt gaussian_noise:5' '--corrupt impulse_noise=0.3' '--seed 5' '-s mean=0.3' '-s std=0.4'; do
        lin-train -q $SMALL --steps 9 --no-history $option digits.plumb -o other.plumb
        ! ts-diff -q plain.plumb other.plumb || return 1
        lin-train -q -j 3 $SMALL --steps 9 --no-history $option digits.plumb | cmp - other.plumb
    done
}

@test "a model learns to bear what it will meet" {
    img-corrupt --type gaussian_noise --amount 0.4 --seed 9 digits.plumb -o noisy.plumb
    for model in clean robust; do
        lin-train -q $SMALL --epochs 12 --lr 0.004 $([ $model = clean ] || echo --corrupt gaussian_noise=0.4) digits.plumb -o $model.plumb
        lin-eval --json $model.plumb noisy.plumb | sed 's/.*"accuracy": *\([^,]*\),.*/\1/' >$model
    done
    awk "BEGIN { exit !($(cat robust) > $(cat clean) + 0.05) }"
    fails 2 "lin-train: --corrupt: 'fog:9': the severity must be between 1 and 5" \
        lin-train $SMALL --corrupt fog:9 digits.plumb
}

@test "a model is where another one starts" {
    lin-train -q $SMALL -s mean=0.3 --epochs 3 digits.plumb -o pre.plumb
    lin-train -q -m cnn --from pre.plumb --steps 0 digits.plumb | ts-diff - pre.plumb
    lin-train -q --from pre.plumb --epochs 2 --lr 0.003 digits.plumb -o fine.plumb
    cat pre.plumb | lin-train -q --from - --epochs 2 --lr 0.003 digits.plumb | ts-diff - fine.plumb
    lin-train -q --from <(cat pre.plumb) --epochs 2 --lr 0.003 digits.plumb | ts-diff - fine.plumb
    read -r pre before <<<"$(score pre.plumb)"
    read -r fine after <<<"$(score fine.plumb)"
    awk "BEGIN { exit !($after < $before) }"
    ts-info --history fine.plumb | sh | ts-diff - fine.plumb
    fails 2 'lin-train: --set widths=3: with --from the configuration is the model'"'"'s' \
        lin-train -m cnn --from pre.plumb -s widths=3 digits.plumb
    fails 3 'lin-train: digits.plumb: not a classifier to start with' lin-train --from digits.plumb digits.plumb
    fails 2 'lin-train: --from pre.plumb: it is a cnn, not a mlp' lin-train -m mlp --from pre.plumb digits.plumb
}

@test "stopped and resumed, the model is the same" {
    local options="-m resnet -s widths=6,8 --batch 40 --epochs 2 --flip"
    lin-train -q $options digits.plumb -o whole.plumb
    lin-train -q $options --checkpoint ck.plumb --checkpoint-every 0.05s digits.plumb >/dev/null
    lin-train -q --resume ck.plumb digits.plumb | cmp - whole.plumb
    fails 2 'lin-train: ck.plumb: the checkpoint is of a run with other options: --lr 0.5 was 0.001' \
        lin-train --resume ck.plumb --lr 0.5 digits.plumb
    fails 2 'lin-train: ck.plumb: the checkpoint is of a run with other options: --set widths=6 was 6,8' \
        lin-train -m resnet --resume ck.plumb -s widths=6 digits.plumb
    ts-select -n images digits.plumb -o bare.plumb
    fails 3 'lin-train: bare.plumb: there are no labels' lin-train -q --resume ck.plumb bare.plumb
    ts-select --no-history digits.plumb | gzip >again.gz # the same pictures, in another file
    lin-train -q --resume ck.plumb again.gz | cmp - whole.plumb
    img-corrupt --type gaussian_noise --amount 0.1 digits.plumb -o other.plumb
    fails_like 3 'lin-train: ck.plumb: the checkpoint is of a run on other data: their sum was x* and is x*' \
        lin-train -q --resume ck.plumb other.plumb
}

@test "a run that holds pictures out is resumed without them" {
    local options="$SMALL --valid-share 0.3 --steps 2000"
    lin-train -q $options digits.plumb -o whole.plumb
    lin-train -q $options --checkpoint ck.plumb --checkpoint-every 0.01s digits.plumb >/dev/null &
    for _ in $(seq 500); do [ -e ck.plumb ] && break; sleep 0.01; done
    kill -KILL $!
    wait
    lin-train --resume ck.plumb digits.plumb 2>report | cmp - whole.plumb
    grep -q ' 1258 pictures of 10 classes$' report
    grep -q ', validation ' report
}

@test "what cannot be learned from" {
    fails 3 "lin-train: $TOP/data/co2.csv: expected pictures, found a stream of kind series without a \
tensor 'images' (ts-import --images makes one)" lin-train -m cnn "$TOP/data/co2.csv"
    ts-select -n images digits.plumb -o bare.plumb
    fails 3 'lin-train: bare.plumb: there are no labels' lin-train -m cnn bare.plumb
    fails 3 'lin-train: digits.plumb: label 9, but the model has 5 classes' lin-train -m cnn -s classes=5 digits.plumb
    fails 3 'lin-train: digits.plumb: --valid-share 0.0005 of 1797 pictures is none of them' \
        lin-train -m cnn --valid-share 0.0005 digits.plumb
    fails 2 'lin-train: --valid and --valid-share exclude each other' \
        lin-train -m cnn --valid digits.plumb --valid-share 0.5 digits.plumb
    # ulimit: if the check failed, so would the first large block, with another message
    run --separate-stderr -5 sh -c '[ "$CHECKER" ] || ulimit -v 4000000; lin-train -m mlp -s widths=300000,300000 digits.plumb'
    [[ $stderr =~ ^'lin-train: out of memory: the training state takes '[0-9.]*' GB, the machine has ' ]]
    fails_like 6 'lin-train: diverged at step 2: the loss is 74.17*; a lower --lr may help' \
        lin-train -q -m mlp -s widths=none --optimiser sgd --momentum 0 --lr 100 --steps 9 digits.plumb # above 20 ln 11
    run -6 --separate-stderr lin-train -q -m mlp --lr 1e9 --steps 50 digits.plumb
    [[ $stderr == *diverged* ]]
}
