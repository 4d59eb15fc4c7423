# wm-permute: the function stays, distances fall, orders are undone bit by bit; what does not fit.
# SPDX-License-Identifier: MIT
load helper
bats_require_minimum_version 1.5.0

# net NAME SEED [SETTING...]: a small language model
net() {
    local name=$1 seed=$2
    shift 2
    lin-train -q -m transformer --steps 2 --seq 16 --batch 2 --set dim=32 --set layers=2 \
        --set heads=4 --set kv-heads=2 --set mlp=24 "${@/#/--set=}" --seed "$seed" "$TOP/data/shakespeare.txt" \
        -o "$name.plumb"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    net a 1 && net b 2 && net c 3
}

setup() {
    cd "$T" && cp "$BATS_FILE_TMPDIR"/*.plumb .
}

# loss MODEL: nats per token
loss() {
    lin-eval --json "$1" "$TOP/data/shakespeare.txt" | sed 's/.*"nats_per_token": \([0-9.e-]*\).*/\1/'
}

# near A B TOLERANCE: relative
near() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit !((d < 0 ? -d : d) <= t * (b < 0 ? -b : b)) }'
}

# value KEY FILE: of a report
value() {
    sed "s/.*\"$1\": \([-0-9.e]*\).*/\1/" "$2"
}

@test "the same function in another order, nearer to A" {
    wm-permute -q a.plumb b.plumb -o b2.plumb --report r.json --analyse
    run -1 ts-diff -q b.plumb b2.plumb
    near "$(loss b2.plumb)" "$(loss b.plumb)" 1e-6
    [ "$(value distance r.json)" != "$(value distance_before r.json)" ]
    near "$(value singular_value_change r.json)" 1e-7 1
    for key in sweeps inner distance_reduction gamma moved; do grep -q "\"$key\"" r.json; done
}

@test "a model that was only reordered is found again, heads and all" {
    wm-permute -q a.plumb b.plumb -o b2.plumb --permutation-out p.plumb
    wm-permute -q b.plumb b2.plumb --permutation-out back.plumb | ts-diff - b.plumb
    wm-permute --apply p.plumb b.plumb | ts-diff - b2.plumb
    wm-permute --apply p.plumb --inverse b2.plumb | ts-diff - b.plumb
    wm-permute --apply back.plumb <b2.plumb | ts-diff - b.plumb
    # a search that begins at the answer ends there
    wm-permute -q --init p.plumb a.plumb b.plumb | ts-diff - b2.plumb
    says permutation sh -c 'ts-info --meta stream p.plumb | sed "s/kind: //"'
}

@test "the same bytes on any number of threads, from a pipe, with a specification that was printed" {
    wm-permute -q -j 1 a.plumb b.plumb -o one.plumb
    wm-permute -q -j 3 a.plumb b.plumb | cmp - one.plumb
    cat b.plumb | wm-permute -q a.plumb - | ts-diff - one.plumb
    wm-permute --print-spec a.plumb b.plumb >spec.yaml
    grep -q '^- q: layer_0_q' spec.yaml
    wm-permute -q --spec spec.yaml a.plumb b.plumb | ts-diff - one.plumb
}

@test "heads of a state: gates, decays and the norm of values follow" {
    for s in 1 2; do
        lin-train -q -m deltanet --steps 2 --seq 16 --batch 2 --set dim=32 --set layers=1 --set heads=4 \
            --set mlp=24 --set gate=yes --set out-gate=yes --seed $s "$TOP/data/shakespeare.txt" -o d$s.plumb
    done
    wm-permute --print-spec d1.plumb d2.plumb >spec.yaml
    says '  head: layer_0_head,  value: layer_0_value' sh -c 'grep -E "^  (head|value):" spec.yaml | paste -sd,'
    wm-permute -q d1.plumb d2.plumb -o d3.plumb --permutation-out p.plumb
    near "$(loss d3.plumb)" "$(loss d2.plumb)" 1e-6
    wm-permute --apply p.plumb --inverse d3.plumb | ts-diff - d2.plumb
    wm-permute -q --spec spec.yaml d1.plumb d2.plumb | ts-diff - d3.plumb
    sed -i 's/^  value: layer_0_value/  value: layer_0_mlp/; s/^  head: layer_0_head/  head: layer_0_q/' spec.yaml
    fails 3 "wm-permute: spec.yaml: heads: the group 'layer_0_q' is there twice" \
        wm-permute --spec spec.yaml d1.plumb d2.plumb
    sed -i '/^  head: layer_0_q/d' spec.yaml
    fails 3 "wm-permute: group 'layer_0_mlp' has 24 units, expected one for each of 8 channels of a head's values" \
        wm-permute --spec spec.yaml d1.plumb d2.plumb
}

@test "half-way, the mean, and shares of it" {
    wm-permute -q a.plumb b.plumb -o b2.plumb
    wm-permute -q --interpolate 0 a.plumb b.plumb | ts-diff - a.plumb
    wm-permute -q --interpolate 1 a.plumb b.plumb | ts-diff - b2.plumb
    wm-permute -q --mean --shares 1,0,0 a.plumb b.plumb c.plumb | ts-diff - a.plumb
    wm-permute -q --mean --report one.json a.plumb b.plumb c.plumb | ts-check -q
    wm-permute -q --mean --restarts 16 --report many.json a.plumb b.plumb c.plumb | ts-check -q
    awk -v a="$(value pair_distances one.json)" -v b="$(value pair_distances many.json)" 'BEGIN { exit !(b < a) }'
    wm-permute -q a.plumb b.plumb c.plumb >both.plumb
    says 2 sh -c 'ts-info --json both.plumb | wc -l'
    ts-info --history both.plumb | grep -q 'wm-permute .*a.plumb'
}

@test "random orders of the groups find something as good or better" {
    wm-permute -q --report one.json a.plumb b.plumb -o x.plumb
    wm-permute -q --restarts 4 --report four.json a.plumb b.plumb -o x.plumb
    awk -v a="$(value inner one.json)" -v b="$(value inner four.json)" 'BEGIN { exit !(b >= a) }'
}

# weights NAME PHASE: a convolution of three filters, its statistics, and a matrix behind a map of
# four places
weights() {
    python3 - "$@" <<'END' || skip "no python3"
import json, math, struct, sys
tensors, at, data = {}, 0, b""
for name, shape in ("f.weight", [3, 2, 2, 2]), ("f.var", [3]), ("g.weight", [2, 12]):
    count = math.prod(shape)
    values = [math.sin(7 * i + float(sys.argv[2])) for i in range(count)]
    tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * count]}
    data += struct.pack("<%df" % count, *values)
    at += 4 * count
header = json.dumps(tensors).encode()
open(sys.argv[1] + ".safetensors", "wb").write(struct.pack("<Q", len(header)) + header + data)
END
}

@test "a specification by hand: a flattened map, a buffer" {
    weights a 1 && weights b 2
    printf '%s\n' 'tensors:' '  f.weight: [P, ~, ~, ~]' '  f.var: [P]' '  g.weight: [~, P*4]' \
        'buffers: [f.var]' >spec.yaml
    wm-permute -q --spec spec.yaml a.safetensors b.safetensors --permutation-out p.plumb -o b2.plumb
    wm-permute --apply p.plumb --inverse b2.plumb | ts-diff - b.safetensors
    weights n nan
    fails 3 "wm-permute: n.safetensors: 'f.weight': element 0 is nan" wm-permute --spec spec.yaml a.safetensors n.safetensors
    fails 3 "rws-extract: n.safetensors: 'f.weight': element 0 is nan" \
        rws-extract --pre a.safetensors b.safetensors n.safetensors
    # units of the matrix are blocks of four columns
    says "$(ts-export -f csv -n f.var b2.plumb | tail -n +2 | tr '\n' ' ')" sh -c '
        ts-select -n perm.P p.plumb | ts-export -f csv | tail -n +2 | while read i; do
            ts-export -f csv -n f.var b.safetensors | tail -n +2 | sed -n "$((i + 1))p"; done | tr "\n" " "'
}

@test "everything that is wrong with a specification is told at once" {
    printf '%s\n' 'tensors:' '  embeddings.weight: [~, R]' '  norm.weight: [R, ~]' '  none.weight: [R]' \
        '  layers.0.mlp.up_proj.weight: [R, R]' >spec.yaml
    run -3 --separate-stderr wm-permute --spec spec.yaml --pass-unlisted a.plumb b.plumb
    for part in "'norm.weight' has 1 axes, the specification 2" "'none.weight' is not in a.plumb" \
        "'layers.0.mlp.up_proj.weight' has group 'R' on axes 0 and 1" \
        "group 'R' has 32 units in 'embeddings.weight' and 24 in 'layers.0.mlp.up_proj.weight'"; do
        [[ "$stderr" == *"$part"* ]] || { echo "$stderr"; return 1; }
    done
    printf '%s\n' 'tensors:' '  embeddings.weight: [~, R]' >spec.yaml
    run -3 --separate-stderr wm-permute --spec spec.yaml a.plumb b.plumb
    [[ "$stderr" == *"not in the specification: 'layers.0.attn_norm.weight', "*"'norm.weight', 'lm_head.weight' of a.plumb"* ]]
    printf 'tensor: {}\ntensors: {}\n' >spec.yaml
    fails 3 "wm-permute: spec.yaml: unknown key 'tensor': there is tensors, heads, buffers" \
        wm-permute --spec spec.yaml a.plumb b.plumb
    printf 'tensors: {a: P}\n' >spec.yaml
    fails 3 'wm-permute: spec.yaml: line 1: a: expected a list with an entry for each axis' \
        wm-permute --spec spec.yaml a.plumb b.plumb
}

@test "models that do not fit" {
    net wide 1 mlp=40
    run -3 --separate-stderr wm-permute a.plumb wide.plumb
    [[ "$stderr" == *"'layers.0.mlp.gate_proj.weight' is [24, 32] in a.plumb and [40, 32] in wide.plumb"* ]]
    [[ "$stderr" == *"'layers.1.mlp.down_proj.weight'"* ]]
    ts-select --rename 'norm.weight=scale' b.plumb -o renamed.plumb
    run -3 --separate-stderr wm-permute a.plumb renamed.plumb
    [[ "$stderr" == *"'norm.weight' is not in renamed.plumb; not in the specification: 'scale' of renamed.plumb"* ]]
    ts-select -n 'norm*' a.plumb -o part.plumb
    fails 3 'wm-permute: part.plumb: its tensors have no names that tell what may be reordered; describe it with --spec' \
        wm-permute part.plumb b.plumb
    wm-permute -q a.plumb b.plumb --permutation-out p.plumb >b2.plumb
    fails 3 'wm-permute: a.plumb: expected permutations, found model' wm-permute --apply a.plumb b.plumb
    run -3 --separate-stderr wm-permute --apply p.plumb wide.plumb
    [[ "$stderr" == *"no tensor 'perm.layer_0_mlp' of 40 integers"* ]]
}

@test "models that do not compute the same with the same weights" {
    net two 1 heads=2 kv-heads=1 && net near 1 norm-eps=1e-5 && net chunked 1 chunk=16
    fails 3 "wm-permute: two.plumb: meta model: heads is '2', and '4' in a.plumb: with the same weights they do not compute the same" \
        wm-permute a.plumb two.plumb
    run -3 --separate-stderr wm-permute --mean b.plumb c.plumb near.plumb
    [[ "$stderr" == *"near.plumb: meta model: norm-eps is '1e-05', and '1e-06' in b.plumb"* ]]
    # what only speed depends on may differ, and weights alone say nothing
    wm-permute -q a.plumb chunked.plumb | ts-check -q
    ts-select -n '*.weight' b.plumb | ts-export -f safetensors -o b.safetensors
    wm-permute -q --permutation-out p.plumb a.plumb b.plumb -o b2.plumb
    wm-permute -q --heads 4 b.safetensors a.plumb | ts-check -q
}

@test "a model that can be unpatched is not reordered, and no order has what is no weight" {
    rws-extract -q --pre a.plumb --keep 1 --name n b.plumb c.plumb -o n.plumb
    rws-patch -q c.plumb n.plumb:0.1 2>log -o patched.plumb
    name=$(ts-info patched.plumb | sed -n 's/^\(rws.undo.[^ :]*\) .*/\1/p' | head -n 1)
    for command in "wm-permute --pass-unlisted b.plumb patched.plumb" \
        "wm-permute --interpolate 0.5 patched.plumb b.plumb"; do
        fails 3 "wm-permute: patched.plumb: '$name': a signature that can be taken off again does not follow another order; take it off first (rws-patch --remove all), or put it in with --no-undo" \
            $command
    done
    rws-patch -q --no-undo c.plumb n.plumb:0.1 2>log | wm-permute -q b.plumb - | ts-check -q
    # a moment of the optimiser's, as it were
    ts-import -q --images "$TOP/data/digits-images.gz" --labels "$TOP/data/digits-labels.gz" -o digits.plumb
    for s in 1 2 3; do lin-train -q -m mlp --set widths=8 --steps 1 --seed $s digits.plumb -o m$s.plumb; done
    rws-extract -q --pre m1.plumb --keep 1 --name n m2.plumb m3.plumb | rws-patch -q m3.plumb - 2>log |
        ts-select --drop 'rws.undo.*weight' --drop 'rws.undo.sig*' --rename 'rws.undo.*=optim.*' - -o moment.plumb
    printf '%s\n' 'tensors:' '  optim.layer0.bias: [~]' >spec.yaml
    fails 3 "wm-permute: 'optim.layer0.bias' is no weight of the model" wm-permute --pass-unlisted \
        --method ste --steps 1 --data digits.plumb --spec spec.yaml moment.plumb - <moment.plumb
}

@test "options that contradict each other" {
    fails 2 'wm-permute: expected two models at least' wm-permute
    fails 2 'wm-permute: --inverse needs --apply' wm-permute --inverse a.plumb b.plumb
    fails 2 'wm-permute: --shares needs --mean' wm-permute --shares 1,2 a.plumb b.plumb
    fails 2 'wm-permute: only one of --mean and --interpolate' wm-permute --mean --interpolate 0.5 a.plumb b.plumb
    fails 2 'wm-permute: --interpolate takes two models' wm-permute --interpolate 0.5 a.plumb b.plumb c.plumb
    for how in --mean "--method ste --data x" "--method activations --data x"; do
        fails 2 'wm-permute: --init goes with --method weights and without --mean' \
            wm-permute --init p.plumb $how a.plumb b.plumb
    done
    fails 2 "wm-permute: --shares '1,2,3': not one number for each of 2 models" \
        wm-permute --mean --shares 1,2,3 a.plumb b.plumb
    fails 2 "wm-permute: only one of the models can be '-'" wm-permute - - </dev/null
}

@test "the shipped pair: the figures of the reference" {
    long_under_valgrind
    need_data data/vision/models/mlp512/a.safetensors
    M=$DATA/data/vision/models/mlp512
    wm-permute -q --analyse --report r.json "$M/a.safetensors" "$M/b.safetensors" -o b2.plumb
    near "$(value inner r.json)" 439.5994 1e-6
    near "$(value distance r.json)" 59.954 1e-4
    near "$(value distance_before r.json)" 66.806 1e-4
    says 16 value sweeps r.json
}
