# Classifiers of pictures: made of weights (ts-import --model), scored (lin-eval).
# SPDX-License-Identifier: MIT
load helper

# take NAME FILE COUNT: test pictures as a stream $T/NAME.plumb, the first COUNT of FILE, with labels
# of the MNIST test set.
take() {
    gzip -dc "$2" | head -c $((16 + 784 * $3)) | tail -c +17 >"$T/pixels"
    printf '\0\0\10\3\0\0\7\320\0\0\0\34\0\0\0\34' | cat - "$T/pixels" >"$T/pictures"
    gzip -dc "$DATA/data/vision/mnist/t10k-labels-idx1-ubyte.gz" | head -c $((8 + $3)) |
        tail -c +9 >"$T/classes"
    printf '\0\0\10\1\0\0\7\320' | cat - "$T/classes" >"$T/labels"
    ts-import --images "$T/pictures" --labels "$T/labels" -o "$T/$1.plumb"
}

# value KEY: that number of the JSON object on standard input
value() {
    sed 's/.*"'"$1"'": *\([^,}]*\).*/\1/'
}

# between LOW HIGH NUMBER
between() {
    awk -v low="$1" -v high="$2" -v x="$3" 'BEGIN { exit !(low <= x && x <= high) }' && return
    echo "$3 is not between $1 and $2"
    return 1
}

@test "an mlp of other weights is as good as it was" {
    long_under_valgrind
    need_data data/vision/models/mlp512/a.safetensors
    local vision=$DATA/data/vision
    ts-import --images $vision/mnist/t10k-images-idx3-ubyte.gz \
        --labels $vision/mnist/t10k-labels-idx1-ubyte.gz -o "$T/test.plumb"
    for net in 'a 0.06815 0.06825' 'b 0.07485 0.07495'; do
        set -- $net
        ts-import --model mlp $vision/models/mlp512/$1.safetensors -o "$T/$1.plumb"
        lin-eval --json "$T/$1.plumb" "$T/test.plumb" >"$T/score"
        [ "$(value accuracy <"$T/score")" = 0.9806 ]
        between $2 $3 "$(value loss <"$T/score")"
        between 0 0.02 "$(value ece <"$T/score")"
    done
    lin-eval -j 3 --json "$T/b.plumb" "$T/test.plumb" | cmp - "$T/score"
    lin-eval --json - "$T/test.plumb" <"$T/b.plumb" | cmp - "$T/score"
}

# cnn NAME: the shipped net of that name as $T/NAME.plumb
cnn() {
    ts-import --model cnn -s stride=2,2,2 -s pad=2,2,1 -s mean=0.1307 -s std=0.3081 \
        "$DATA/data/vision/models/rws/$1.safetensors" -o "$T/$1.plumb"
}

# accuracy MODEL PICTURES
accuracy() {
    lin-eval --json "$T/$1.plumb" "$T/$2.plumb" | value accuracy
}

# The accuracies were measured by another program; a rounding may move a picture.
@test "cnns of other weights are as good as they were, on clean and on corrupted pictures" {
    need_data data/vision/models/rws/mnist_clean.safetensors
    take clean "$DATA/data/vision/mnist/t10k-images-idx3-ubyte.gz" 2000
    cnn mnist_clean
    between 0.957 0.958 "$(accuracy mnist_clean clean)"
    for test in 'gaussian_noise 0.4440 0.8550' 'impulse_noise 0.5265 0.8700' \
        'gaussian_blur 0.6225 0.9395' 'contrast 0.6830 0.9305' 'brightness 0.2320 0.9325'; do
        set -- $test
        take "$1" "$DATA/data/vision/models/rws/test2000_$1-images-idx3-ubyte.gz" 2000
        cnn "mnist_$1"
        between "$(awk "BEGIN { print $2 - 0.0006 }")" "$(awk "BEGIN { print $2 + 0.0006 }")" \
            "$(accuracy mnist_clean "$1")"
        between "$(awk "BEGIN { print $3 - 0.0006 }")" "$(awk "BEGIN { print $3 + 0.0006 }")" \
            "$(accuracy "mnist_$1" "$1")"
    done
}

@test "what does not fit is refused, all of it in one message" {
    need_data data/vision/models/mlp512/a.safetensors
    local weights=$DATA/data/vision/models/mlp512/a.safetensors
    cd "$T"
    cp "$weights" a.safetensors
    fails 3 "ts-import: a.safetensors: no tensor 'conv0.weight': not the weights of a cnn" \
        ts-import --model cnn a.safetensors
    fails 3 "ts-import: a.safetensors: not the parameters of this mlp: wrong shape of \
'layer1.weight': [512, 512] instead of [500, 512], wrong shape of 'layer1.bias': [512] instead of \
[500], wrong shape of 'layer2.weight': [512, 512] instead of [10, 500], wrong shape of \
'layer2.bias': [512] instead of [10], unknown 'layer3.weight', unknown 'layer3.bias'" \
        ts-import --model mlp -s widths=512,500 a.safetensors
    fails 2 "ts-import: --model gla: not one of mlp, cnn, resnet" ts-import --model gla a.safetensors
    fails 2 "ts-import: --set 'width=5': unknown key 'width'; did you mean 'widths'?" \
        ts-import --model mlp -s width=5 a.safetensors
    fails 2 "ts-import: --set widths=5 has an effect only with --model" \
        ts-import -s widths=5 a.safetensors
    fails 2 "ts-import: --model goes with one FILE of weights" \
        ts-import --model mlp a.safetensors a.safetensors
}

@test "pictures that do not suit the model, and what are no pictures" {
    need_data data/vision/models/rws/mnist_clean.safetensors
    take test "$DATA/data/vision/mnist/t10k-images-idx3-ubyte.gz" 2000
    cnn mnist_clean
    cd "$T"
    ts-import --model cnn "$DATA/data/vision/models/rws/mnist_clean.safetensors" -o wrong.plumb
    fails 3 "lin-eval: test.plumb: pictures of 28 x 28 pixels become 25088 numbers before the \
dense layers; the model takes 512 (another size, or the model's stride, pad or pool is not what it \
was trained with)" lin-eval wrong.plumb test.plumb
    fails 3 "lin-eval: $TOP/data/co2.csv: expected pictures, found a stream of kind series without \
a tensor 'images' (ts-import --images makes one)" lin-eval mnist_clean.plumb "$TOP/data/co2.csv"
    ts-select -n images test.plumb -o bare.plumb
    fails 3 "lin-eval: bare.plumb: there are no labels" lin-eval mnist_clean.plumb bare.plumb
    fails 2 "lin-eval: --folds is for a forecaster, this is a classifier of pictures" \
        lin-eval --folds 3 mnist_clean.plumb test.plumb
    fails 3 "lin-forecast: mnist_clean.plumb: expected a forecaster, found a classifier of type \
'cnn'" lin-forecast mnist_clean.plumb "$TOP/data/co2.csv"
}

@test "history makes the model again" {
    need_data data/vision/models/rws/mnist_clean.safetensors
    cd "$T"
    cnn mnist_clean
    ts-info --history mnist_clean.plumb | sh | cmp - mnist_clean.plumb
    printf 'stride: 2\npad: 2,2,1\nmean: 0.1307\nstd: 0.3081\nmodel: cnn\n' >net.yaml
    ts-import -c net.yaml "$DATA/data/vision/models/rws/mnist_clean.safetensors" |
        ts-diff - mnist_clean.plumb
}

@test "a patched net is scored as it is" {
    need_data data/vision/models/rws/mnist_clean.safetensors
    take noisy "$DATA/data/vision/models/rws/test2000_gaussian_noise-images-idx3-ubyte.gz" 2000
    for net in pretrained_fashion mnist_clean mnist_gaussian_noise; do cnn $net; done
    cd "$T"
    rws-extract -q --pre pretrained_fashion.plumb --name noise mnist_clean.plumb \
        mnist_gaussian_noise.plumb -o noise.plumb
    rws-patch -q mnist_clean.plumb noise.plumb -o patched.plumb
    between 0.55 0.575 "$(accuracy patched noisy)"
    rws-patch -q --no-undo mnist_clean.plumb noise.plumb | lin-eval - noisy.plumb |
        diff - <(lin-eval patched.plumb noisy.plumb)
}
