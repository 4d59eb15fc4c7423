bats_require_minimum_version 1.5.0
load helper

# A small transformer to convert.
teacher() {
    lin-train -q -m transformer -s dim=16 -s heads=4 -s kv-heads=2 -s layers=2 -s mlp=24 --seq 48 \
        --batch 4 --steps 4 "$@" "$TOP/data/shakespeare.txt"
}

nats() {
    lin-eval --json "$@" | sed 's/.*"nats_per_token": \([0-9.]*\).*/\1/'
}

# holds EXPRESSION: true for awk
holds() {
    awk "BEGIN { exit !($1) }" || { echo "not: $1"; return 1; }
}

@test "weights are the transformer's; liger adds nothing, lolcats its maps" {
    cd "$T"
    teacher >t.plumb
    lin-convert -q --method liger t.plumb >liger.plumb
    lin-convert -q --method lolcats t.plumb >lolcats.plumb
    ts-check liger.plumb lolcats.plumb
    ts-diff t.plumb liger.plumb
    fails 0 "lin-convert: lolcats: $(ts-info --json lolcats.plumb | grep -o '"parameters": [0-9]*' | head -n 1 | grep -o '[0-9]*') parameters, 264 of them new
lin-convert: next: lin-train --attention-transfer MODEL TEXT, which takes 300 steps of 4 x 48 tokens, about 6 passes of a transformer over each; then lin-train --lora q,k,v,o" \
        sh -c 'lin-convert --method lolcats t.plumb >x.plumb'
    cat t.plumb | lin-convert -q --method lolcats --no-history - | ts-diff - lolcats.plumb
    [ "$(ts-info lolcats.plumb | grep -c _map)" = 4 ]
    [ "$(lin-convert -q --method lolcats --softmax-layers 1 t.plumb | ts-info | grep -c _map)" = 2 ]
    [ "$(lin-convert -q --method liger --mix learn t.plumb | ts-info | grep -c 'attn.mix')" = 2 ]
}

@test "a window over all rows is the transformer; without what is before, both are the window" {
    cd "$T"
    teacher >t.plumb
    head -c 3000 "$TOP/data/shakespeare.txt" >text
    a=$(nats --seq 48 t.plumb text)
    for method in 'liger --window-only' 'lolcats' 'lolcats --form sw'; do
        b=$(lin-convert -q --method $method --window 48 t.plumb | nats --seq 48 - text)
        holds "($a - $b) ^ 2 < 1e-10"
    done
    a=$(lin-convert -q --method liger --window 8 --window-only t.plumb | nats --seq 48 - text)
    b=$(lin-convert -q --method lolcats --form sw --window 8 --window-only t.plumb | nats --seq 48 - text)
    holds "($a - $b) ^ 2 < 1e-10"
    # the same through a conversion that keeps all layers
    b=$(lin-convert -q --method liger --window 8 --softmax-layers 0,1 t.plumb | nats --seq 48 - text)
    holds "($(nats --seq 48 t.plumb text) - $b) ^ 2 < 1e-10"
}

@test "transfer trains the maps alone, adapters nothing else, merging changes no output" {
    cd "$T"
    teacher >t.plumb
    head -c 20000 "$TOP/data/shakespeare.txt" >text
    lin-convert -q --method lolcats --window 8 t.plumb >s0.plumb
    lin-train --attention-transfer --seq 48 --steps 20 --log log.csv s0.plumb text >s1.plumb 2>notes
    grep -q '264 of them are trained' notes
    grep -q 'mean square error of the last batch, by layer: ' notes
    holds "$(sed -n 2p log.csv | cut -d, -f3) > $(tail -n 1 log.csv | cut -d, -f3)"
    [ "$(ts-diff s0.plumb s1.plumb | grep -c 'layers.*\(_map\|window_factor\)')" = 6 ]
    [ "$(ts-diff s0.plumb s1.plumb | grep -c 'proj\|norm\|embeddings')" = 0 ]
    fails 0 "lin-train: warning: the model's maps are at identity: lin-train --attention-transfer first" \
        sh -c 'lin-train --lora q --seq 48 --steps 1 s0.plumb text 2>&1 >x.plumb | grep warning >&2'
    lin-train -q --lora q,k,v,o --rank 4 --lr 1e-2 --seq 48 --steps 5 s1.plumb text >s2.plumb
    [ "$(ts-info s2.plumb | grep -c 'lora_[ab]')" = 16 ]
    lin-convert --merge-lora s2.plumb >s3.plumb
    ts-check s3.plumb
    ! ts-info s3.plumb | grep -q lora || return 1
    a=$(nats --seq 48 s2.plumb text) b=$(nats --seq 48 s3.plumb text)
    holds "($a - $b) ^ 2 < 1e-10 && $a != $(nats --seq 48 s1.plumb text)"
    lin-train -q --lora q,k,v,o --seq 48 --steps 2 t.plumb text | lin-convert --merge-lora |
        ts-export -f hf -o folder
    lin-eval --seq 48 folder text >report
}

@test "a stopped adaptation goes on to the same bits" {
    cd "$T"
    teacher >t.plumb
    head -c 20000 "$TOP/data/shakespeare.txt" >text
    lin-convert -q --method liger --window 8 --mix learn t.plumb >s.plumb
    lin-train -q --no-history --lora q,k,v --seq 48 --steps 6 s.plumb text >whole.plumb
    lin-train -q --no-history --lora q,k,v --seq 48 --steps 6 --checkpoint ck.plumb \
        --checkpoint-every 0.000001s s.plumb text >again.plumb
    cmp whole.plumb again.plumb
    lin-train -q --no-history -j 2 --lora q,k,v --seq 48 --steps 6 --resume ck.plumb s.plumb text >resumed.plumb
    cmp whole.plumb resumed.plumb
}

@test "what is refused" {
    cd "$T"
    teacher >t.plumb
    ts-import "$TOP/data/co2.csv" >series.plumb
    fails 2 'lin-convert: --method or --merge-lora is needed' lin-convert -o x t.plumb
    fails 2 'lin-convert: --merge-lora and --method exclude each other' lin-convert --merge-lora --method liger -o x t.plumb
    fails 2 "lin-convert: lolcats has no option 'gate'; it has $(lin-train --list-models | grep -A1 '^lolcats' | sed -n 's/^ *--set //p' | sed 's/ /, /g')" \
        lin-convert --method lolcats --gate gsa -o x t.plumb
    fails 2 'lin-convert: --set feature-dim=8: exceeds the width of a head, 4' \
        lin-convert --method lolcats --feature-dim 8 -o x t.plumb
    fails 2 "lin-convert: --set softmax-layers='0,2': expected layers from 0 to 1, separated by commas" \
        lin-convert --method liger --softmax-layers 0,2 -o x t.plumb
    fails 3 'lin-convert: series.plumb: expected a model, found tensors without one' \
        lin-convert --method liger -o x series.plumb
    lin-convert -q --method liger t.plumb >l.plumb
    fails 3 'lin-convert: l.plumb: lolcats converts causal transformers; this is a model of type liger' \
        lin-convert --method lolcats -o x l.plumb
    fails 3 'lin-convert: l.plumb: the model has no adapters to merge' lin-convert --merge-lora -o x l.plumb
    ts-select --drop layers.0.attn.q_proj.weight t.plumb >less.plumb
    fails 3 "lin-convert: less.plumb: missing 'layers.0.attn.q_proj.weight'" \
        lin-convert --method liger -o x less.plumb
    ts-select --rename 'layers.0.attn.q_proj.weight=layers.9.attn.q_proj.weight' t.plumb >other.plumb
    fails 3 "lin-convert: other.plumb: tensor 'layers.9.attn.q_proj.weight' is none of a transformer" \
        lin-convert --method liger -o x other.plumb
    head -c 9000 t.plumb >cut.plumb
    fails_like 4 'lin-convert: cut.plumb: *' lin-convert --method liger -o x cut.plumb
    fails 2 'lin-train: --lora needs MODEL and DATA, a text or tokens to learn from: 300 steps of 4 windows when no more is said' \
        lin-train --lora q -o x t.plumb
    fails 2 "lin-train: --lora: this transformer has no maps 'z_proj.weight'" \
        lin-train --lora z -o x t.plumb "$TOP/data/shakespeare.txt"
    fails 2 'lin-train: --attention-transfer: a liger has no maps to imitate with (lin-convert --method lolcats makes a model that has)' \
        lin-train --attention-transfer -o x l.plumb "$TOP/data/shakespeare.txt"
    fails 2 'lin-train: --lora and --attention-transfer exclude each other' \
        lin-train --attention-transfer --lora q -o x l.plumb "$TOP/data/shakespeare.txt"
    [ ! -e x ]
}
