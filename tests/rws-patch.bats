# rws-patch: signatures come and go, and leave no trace; scales; what does not fit.
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
    net pre 1 && net clean 2 && net noisy 3 && net blurred 4 && net other 5
    rws-extract -q --pre pre.plumb --name noise clean.plumb noisy.plumb -o noise.plumb
    rws-extract -q --pre pre.plumb --name blur --levels 0 --select '*proj*' clean.plumb blurred.plumb -o blur.plumb
}

setup() {
    cd "$T" && cp "$BATS_FILE_TMPDIR"/*.plumb .
}

@test "two signatures put in, taken out in any order: not a bit is left of them" {
    rws-patch -q clean.plumb noise.plumb:0.8 blur.plumb -o patched.plumb
    run -1 ts-diff -q patched.plumb clean.plumb
    rws-patch -q --remove noise patched.plumb | rws-patch -q --remove blur - | ts-diff - clean.plumb
    rws-patch -q --remove blur patched.plumb | rws-patch -q --remove noise | ts-diff - clean.plumb
    rws-patch -q --remove all patched.plumb -o back.plumb
    ts-diff back.plumb clean.plumb
    ! ts-info back.plumb | grep -q rws || return 1
    # what is left is what it would have been without
    rws-patch -q clean.plumb blur.plumb -o blurred.plumb
    rws-patch -q --remove noise patched.plumb | ts-diff - blurred.plumb
    rws-patch -q blurred.plumb noise.plumb:0.8 | ts-diff - patched.plumb
    rws-patch -q --remove noise patched.plumb noise.plumb:0.8 | ts-diff - patched.plumb
}

@test "a scale is in the last colon's place, unless a file is called so" {
    rws-patch -q clean.plumb noise.plumb:0 | ts-diff - clean.plumb
    rws-patch -q clean.plumb noise.plumb:1 -o one.plumb
    rws-patch -q clean.plumb noise.plumb | ts-diff - one.plumb
    run -1 sh -c 'rws-patch -q clean.plumb noise.plumb:-1 | ts-diff -q - one.plumb'
    cp noise.plumb noise:2
    rws-patch -q clean.plumb noise:2 | ts-diff - one.plumb
    says 'rws-patch: noise: scale 2, 7 tensors' sh -c 'rws-patch clean.plumb noise:2:2 2>&1 >two.plumb'
    says 'rws-patch: noise: scale 0.5, 7 tensors
rws-patch: blur: scale 3, 7 tensors' sh -c 'rws-patch --average clean.plumb noise.plumb blur.plumb:3 2>&1 >x.plumb'
    fails 2 "rws-patch: 'noise.plumb:inf': a scale is a finite number" rws-patch clean.plumb noise.plumb:inf
}

@test "the sum of two scales is one patch of their sum" {
    rws-patch -q --no-undo clean.plumb noise.plumb:0.25 -o a.plumb
    cp noise.plumb again.plumb
    ts-info --meta rws a.plumb | grep -q 'undo: false'
    ! ts-info a.plumb | grep -q rws.undo || return 1
    rws-extract -q --pre pre.plumb --name noise2 clean.plumb noisy.plumb -o again.plumb
    rws-patch -q --no-undo a.plumb again.plumb:0.5 2>/dev/null >b.plumb
    rws-patch -q clean.plumb noise.plumb:0.75 | ts-diff --rtol 1e-5 --atol 1e-7 - b.plumb
    fails 3 "rws-patch: a.plumb: the signature 'noise' cannot be removed: it was put in with --no-undo" \
        rws-patch --remove noise a.plumb
}

@test "one tensor at a time, compressed or not, by file or pipe, the same bytes" {
    rws-patch -q clean.plumb noise.plumb -o one.plumb
    cat clean.plumb | rws-patch -q - noise.plumb | cmp - <(rws-patch -q - noise.plumb <clean.plumb)
    cat clean.plumb | rws-patch -q - noise.plumb | ts-diff - one.plumb
    ts-select --codec shuffle-zlib clean.plumb -o small.plumb
    rws-patch -q small.plumb noise.plumb | ts-diff - one.plumb
    rws-patch -q small.plumb noise.plumb | rws-patch -q --remove noise | ts-diff - clean.plumb
    ts-select --cast bf16 clean.plumb -o half.plumb
    rws-patch -q half.plumb noise.plumb 2>/dev/null | tee half-patched.plumb | rws-patch -q --remove noise | ts-diff - half.plumb
    ts-info half-patched.plumb | grep -q '^embeddings.weight *bf16'
}

@test "the history names each patch" {
    rws-patch -q clean.plumb noise.plumb:0.8 blur.plumb | rws-patch -q --remove blur -o p.plumb
    ts-info --history p.plumb >script
    grep -q 'rws-patch .*:0.8 ' script
    grep -q 'rws-patch --remove blur' script
}

@test "what does not fit" {
    fails 2 'rws-patch: expected a signature, or --remove' rws-patch clean.plumb
    fails 3 "rws-patch: clean.plumb: no signature 'x' to remove; there is none" rws-patch --remove x clean.plumb
    rws-patch -q clean.plumb noise.plumb -o p.plumb
    fails 3 "rws-patch: p.plumb: no signature 'x' to remove; there is 'noise'" rws-patch --remove x p.plumb
    fails 3 "rws-patch: noise.plumb: the signature 'noise' is in the model already; remove it first" rws-patch p.plumb noise.plumb
    fails 3 'rws-patch: noisy.plumb: expected a signature; rws-extract makes one' rws-patch clean.plumb noisy.plumb
    fails 5 "rws-patch: cannot open 'none.plumb': No such file or directory" rws-patch clean.plumb none.plumb:2
    net wide 1 --set mlp=40
    fails 3 "rws-patch: wide.plumb: not the model of this signature: 'layers.0.mlp.gate_proj.weight' is [40, 16], not [24, 16], 'layers.0.mlp.up_proj.weight' is [40, 16], not [24, 16], 'layers.0.mlp.down_proj.weight' is [16, 40], not [16, 24] (signature 'blur')" \
        rws-patch wide.plumb blur.plumb
    ts-select -n 'embeddings*' clean.plumb -o part.plumb
    run -3 --separate-stderr rws-patch part.plumb noise.plumb
    [[ "$stderr" == *"no 'layers.0.attn.q_proj.weight'"*"no 'layers.0.mlp.gate_proj.weight'"* ]]
    run -0 --separate-stderr rws-patch other.plumb noise.plumb -o x.plumb
    [[ "$stderr" == *"warning: the signature 'noise' was made beside another clean model: it is transferred"* ]]
    fails 3 "rws-patch: other.plumb: the signature 'noise' was made beside another clean model" \
        rws-patch --strict other.plumb noise.plumb
}
