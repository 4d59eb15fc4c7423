# rws-extract: what is kept, how it is packed, what does not fit.
# SPDX-License-Identifier: MIT
load helper
bats_require_minimum_version 1.5.0

# net NAME SEED [OPTION...]: a small language model
net() {
    local name=$1 seed=$2
    shift 2
    lin-train -q -m transformer --steps 2 --seq 16 --batch 2 --set dim=16 --set layers=1 \
        --set heads=2 --set mlp=24 "$@" --seed "$seed" "$TOP/data/shakespeare.txt" -o "$name.plumb"
}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    net pre 1 && net clean 2 && net robust 3
}

setup() {
    cd "$T" && cp "$BATS_FILE_TMPDIR"/*.plumb .
}

# meta KEY FILE: of the document
meta() {
    ts-info --meta signature "$2" | sed -n "s/^$1: //p"
}

@test "the first layers, in the order of the file" {
    rws-extract --pre pre.plumb --keep 2 clean.plumb robust.plumb -o s.plumb 2>said
    says 'rws-extract: robust: 2 tensors, 4352 bytes; the whole model has 41664, 9.6 times as many' cat said
    says robust meta name s.plumb
    says 2 meta layers s.plumb
    says 'delta.embeddings.weight delta.layers.0.attn.q_proj.weight' sh -c \
        'ts-info s.plumb | sed -n "s/^\(delta[^ ]*\).*/\1/p" | tr "\n" " " | sed "s/ $//"'
    rws-extract -q --pre pre.plumb --name n clean.plumb <robust.plumb | ts-info | grep -q '^delta.layers.0.mlp.gate_proj.weight'
}

@test "tensors by name; without quantisation the projection is orthogonal to what the clean model learned" {
    rws-extract -q --pre pre.plumb --select 'lm_*' --levels 0 clean.plumb robust.plumb -o s.plumb
    says 'delta.lm_head.weight  f32    [256, 16]  raw    16.0 KiB  16.0 KiB' sh -c 'ts-info s.plumb | grep ^delta'
    column() { ts-export -f csv -n "$1" "$2" | tail -n +2 | tr ',' '\n'; }
    paste <(column lm_head.weight pre.plumb) <(column lm_head.weight clean.plumb) \
        <(column delta.lm_head.weight s.plumb) <(column lm_head.weight robust.plumb) >columns
    awk '{ a = $2 - $1; t = $4 - $1; dot += a * $3; aa += a * a; rr += $3 * $3; ta += t * a }
        { left[NR] = t; clean[NR] = a; r[NR] = $3 }
        END { if (dot * dot > 1e-10 * aa * rr) exit 1
              for (i = 1; i <= NR; i++) { d = left[i] - ta / aa * clean[i] - r[i]; if (d * d > 1e-12) exit 1 } }' columns
}

@test "fewer levels, fewer bytes" {
    last=1000000
    for levels in 65536 256 16 4 2; do
        rws-extract -q --no-history --pre pre.plumb --keep 1 --levels $levels clean.plumb robust.plumb -o s.plumb
        size=$(ts-info --json s.plumb | sed 's/.*"name": *"delta[^}]*"shape": *\[\([0-9]*\)\].*/\1/')
        [ "$size" -lt $last ]
        last=$size
    done
    [ "$last" = 512 ] # 4096 elements of a bit
    for quantiser in tanh log; do
        rws-extract -q --pre pre.plumb --keep 1 --quantiser $quantiser clean.plumb robust.plumb | ts-check -q
    done
}

@test "memory does not grow with the tensors" {
    [ -z "$CHECKER" ] || skip "a checker takes memory of its own"
    ts-import --images "$TOP/data/digits-images.gz" --labels "$TOP/data/digits-labels.gz" -o digits.plumb
    for seed in 1 2 3; do
        lin-train -q -m mlp -s widths=2600,2600 --steps 0 --seed $seed digits.plumb -o $seed.plumb
    done
    /usr/bin/time -f %M -o memory rws-extract -q --pre 1.plumb --keep 2 2.plumb 3.plumb -o s.plumb
    says 2 meta layers s.plumb
    echo "$(cat memory) KiB for tensors of 26406 KiB"
    [ "$(cat memory)" -lt 16384 ]
}

@test "what does not fit" {
    fails 2 'rws-extract: expected --pre, the model that both were trained from' rws-extract clean.plumb robust.plumb
    fails 2 'rws-extract: --keep 12: robust.plumb has 9 layers, of which 0 are convolutions' \
        rws-extract --pre pre.plumb --keep 12 clean.plumb robust.plumb
    fails 2 'rws-extract: --levels 1: expected 0 or at least 2' \
        rws-extract --pre pre.plumb --levels 1 clean.plumb robust.plumb
    fails 2 'rws-extract: only one of --keep and --select' \
        rws-extract --pre pre.plumb --keep 1 --select '*' clean.plumb robust.plumb
    fails 2 "rws-extract: only one of the models can be '-'" rws-extract --pre - clean.plumb -
    fails 3 "rws-extract: --select 'none*': no tensor of robust.plumb has such a name" \
        rws-extract --pre pre.plumb --select 'none*' clean.plumb robust.plumb
    net wide 1 --set mlp=40
    fails 3 "rws-extract: 'layers.0.mlp.gate_proj.weight' has another shape in wide.plumb, 'layers.0.mlp.up_proj.weight' has another shape in wide.plumb" \
        rws-extract --pre wide.plumb --select '*_proj.weight' --select '!*down*' clean.plumb robust.plumb
    # shapes of what is not taken do not matter
    rws-extract -q --pre wide.plumb --keep 1 clean.plumb robust.plumb | ts-check -q
}

@test "a clean model that learned nothing" {
    run -0 --separate-stderr rws-extract --pre clean.plumb --keep 1 clean.plumb robust.plumb -o s.plumb
    [[ "$stderr" == *"warning: 'embeddings.weight': the clean model did not change it; nothing is projected"* ]]
}

@test "the shipped nets: layers and sizes" {
    need_data data/vision/models/rws/mnist_clean.safetensors
    R=$DATA/data/vision/models/rws
    for keep in '' '--keep 2' '--keep 4'; do
        rws-extract --pre $R/pretrained_fashion.safetensors $keep --name n $R/mnist_clean.safetensors \
            $R/mnist_contrast.safetensors 2>&1 >s.plumb
    done >said
    says "rws-extract: n: 6 tensors, 8064 bytes; the whole model has 166184, 20.6 times as many
rws-extract: n: 4 tensors, 3424 bytes; the whole model has 166184, 48.5 times as many
rws-extract: n: 8 tensors, 40896 bytes; the whole model has 166184, 4.1 times as many" cat said
}
