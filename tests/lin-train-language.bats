load helper
load stream
bats_require_minimum_version 1.5.0

SMALL='-m gla -s dim=16 -s heads=2 -s layers=1 -s mlp=32 --seq 16 --batch 4'

setup() {
    cd "$T"
    awk 'BEGIN { for (i = 0; i < 400; i++) printf "the %s sat on the %s.\n", \
        substr("cat dog cow hen", i * 7 % 4 * 4 + 1, 3), substr("mat log hay ice", i * 5 % 4 * 4 + 1, 3) }' >text
}

# loss LOG STEP
loss() {
    awk -F, -v step="$2" '$1 == step { print $3 }' "$1"
}

@test "a language model learns, and its log is a table" {
    lin-train $SMALL --steps 60 --lr 0.01 --valid-share 0.1 --eval-every 20 --log log.csv text >m.plumb 2>report
    ts-check m.plumb
    [ "$(head -n 1 log.csv)" = step,units,loss,valid_loss,rate,norm,seconds ]
    [ "$(wc -l <log.csv)" = 61 ]
    awk -v first="$(loss log.csv 1)" -v last="$(loss log.csv 60)" 'BEGIN { exit !(first > 5 && last < 3) }'
    [ "$(awk -F, '$4 != "" { print $1 }' log.csv | tr '\n' ' ')" = 'step 20 40 60 ' ]
    grep -q '^lin-train: step 20: loss [0-9.]*, validation [0-9.]*$' report
    grep -q '^lin-train: 60 steps: loss .*, validation .*; 3840 tokens in .* a second$' report
    ts-plot -f term log.csv | grep -q loss
    ts-info m.plumb | grep -q '^layers.0.attn.q_proj.weight  *f32  *\[8, 16\]'
}

@test "every language model trains, with the same bytes for any number of threads" {
    for model in gla deltanet deltaproduct mom transformer; do
        for threads in 1 3; do
            lin-train -q -j $threads --no-history -m $model -s dim=16 -s heads=2 -s layers=1 -s mlp=32 --seq 24 \
                --batch 3 --steps 4 text -o $model.$threads
        done
        cmp $model.1 $model.3
    done
}

@test "gradients of several batches make one step, that of them all in one" {
    # plain descent, unclipped, which sees how long a gradient is; a row of eight answers, three of one
    local how='--batch 4 --optimiser sgd --momentum 0 --clip 0 --wd 0 --lr 0.3 --warmup 0 --steps 5 --no-history'
    local none='\xff\xff\xff\xff' one='\x01\0\0\0' two='\x02\0\0\0' data
    local few=$none$none$none$none$none$none$none$one
    start rows.plumb
    record 'meta: stream' 'kind: task\n'
    record 'meta: tokens' 'vocabulary: 8\n'
    record 'tensor: tokens, dtype: u8, shape: [4, 8], codec: raw' \
        '\1\2\3\4\5\6\7\1\2\2\3\3\4\4\5\5\1\3\5\7\2\4\6\1\7\6\5\4\3\2\1\7'
    record 'tensor: targets, dtype: i32, shape: [4, 8], codec: raw' \
        "$one$two$two$one$one$two$one$one$few$few$few"
    end
    for data in text rows.plumb; do
        set -- -q ${SMALL% --seq*} $how
        [ $data = rows.plumb ] || set -- "$@" --seq 16
        lin-train "$@" --log whole.csv $data -o whole.plumb
        lin-train "$@" --batch 1 --accumulate 4 --log parts.csv $data -o parts.plumb
        ts-diff --atol 2e-6 whole.plumb parts.plumb
        # losses and norms of all steps
        paste -d, whole.csv parts.csv | awk -F, 'function far(a, b) { return (a / b - 1) ^ 2 > 1e-9 }
            NR > 1 && (far($3, $10) || far($6, $13)) { exit 1 }'
    done
}

@test "what is held out is scored, and nowhere trained on" {
    # its tokens: 60 windows of 16 and one more, scored as lin-eval does
    lin-train -q $SMALL --steps 20 --lr 0.01 --valid-share 0.1001042 --log log.csv text -o m.plumb
    tail -c 961 text >held
    lin-eval --json m.plumb held >report.json
    grep -q '"tokens": 960,' report.json
    awk -F, 'END { print $4 }' log.csv >validation
    sed 's/.*"nats_per_token": \([0-9.]*\).*/\1/' report.json | paste - validation |
        awk '{ exit !(($1 - $2) ^ 2 < 1e-10 && $1 > 1) }'
    # other held-out tokens, the same model; 4.5 of 9 rows are 5
    head -c 8639 text >front
    for n in 1 2; do
        { cat front && seq $n 2000 | head -c 961; } >data
        lin-train -q $SMALL --steps 20 --valid-share 0.1001042 data -o $n.plumb
        start rows.plumb
        record 'meta: stream' 'kind: tokens\n'
        record 'tensor: tokens, dtype: u8, shape: [9, 3], codec: raw' \
            "\1\1\2\2\2\1\3\3\1\4\4\1\\$n\\$n\3\5\\$n\3\\$n\6\3\7\6\\$n\7\7\7"
        end
        lin-train -q ${SMALL% --seq*} --batch 1 --steps 20 --valid-share 0.5 rows.plumb -o rows.$n.plumb
    done
    ts-diff 1.plumb 2.plumb
    ts-diff rows.1.plumb rows.2.plumb
}

@test "sgd, schedules and clipping do something" {
    lin-train -q $SMALL --steps 5 --log base.csv text >base.plumb
    for option in '--optimiser sgd' '--schedule linear' '--warmup 0.9' '--min-lr 0.5' '--wd 0.5' '--clip 0.01' '--seed 7'; do
        lin-train -q $SMALL --steps 5 $option text >other.plumb
        ! ts-diff -q base.plumb other.plumb || return 1
    done
    lin-train -q $SMALL --steps 4 --schedule constant --warmup 2 --lr 0.5 --log rate.csv text >m.plumb
    [ "$(cut -d, -f 5 rate.csv | tr '\n' ' ')" = 'rate 0.25 0.5 0.5 0.5 ' ]
}

@test "stopped and resumed, by a signal or a crash, the model is the same" {
    lin-train -q $SMALL --steps 300 --eval-every 50 --valid-share 0.1 --log whole.csv text -o whole.plumb
    for signal in TERM HUP KILL; do # under nohup, HUP would be ignored
        env --default-signal=HUP lin-train -q $SMALL --steps 300 --eval-every 50 --valid-share 0.1 --log part.csv --checkpoint ck.plumb \
            --checkpoint-every 0.02s text -o out.plumb &
        job=$!
        for _ in $(seq 500); do [ -e ck.plumb ] && break; sleep 0.01; done
        kill -$signal $job
        status=0
        wait $job || status=$?
        [ $status = $((128 + $(kill -l $signal))) ]
        [ ! -e out.plumb ]
        ts-check -q ck.plumb
        [ $signal = KILL ] || ls | grep -v -e '^ck.plumb$' -e whole -e text -e part.csv -e '^m.plumb$' | diff - /dev/null
        lin-train -q -j 2 --eval-every 50 --log part.csv --resume ck.plumb text -o resumed.plumb
        cmp whole.plumb resumed.plumb
        [ "$(cut -d, -f 1-6 part.csv)" = "$(cut -d, -f 1-6 whole.csv)" ]
        rm -f ck.plumb resumed.plumb part.csv *.tmp* .*.tmp*
    done
}

@test "resumed at its end: the same model, and no word of a validation that was not" {
    lin-train -q $SMALL --steps 3 --valid-share 0.1 --checkpoint ck.plumb --checkpoint-every 0.000001s text -o whole.plumb
    lin-train --resume ck.plumb text -o resumed.plumb 2>err
    cmp whole.plumb resumed.plumb
    grep -q '3 steps: none was left; 0 tokens' err
    ! grep -q nan err || return 1
}

@test "a run is resumed as it began or not at all" {
    lin-train -q $SMALL --steps 200000 --checkpoint ck.plumb --checkpoint-every 0.05s text >/dev/null &
    job=$!
    for _ in $(seq 500); do [ -e ck.plumb ] && break; sleep 0.01; done
    kill $job
    wait $job && return 1
    fails 2 'lin-train: ck.plumb: the checkpoint is of a run with other options: --batch 8 was 4, --lr 0.5 was 0.003' \
        lin-train --resume ck.plumb --lr 0.5 --batch 8 text
    fails 2 'lin-train: ck.plumb: the checkpoint is of a run with other options: --seed 3 was 0' \
        lin-train --resume ck.plumb --seed 3 text
    fails 2 'lin-train: ck.plumb: the checkpoint is of a run with other options: --set dim=32 was 16' \
        lin-train --resume ck.plumb -s dim=32 text
    fails 2 'lin-train: ck.plumb: the checkpoint is of a gla, not of a deltanet' \
        lin-train --resume ck.plumb -m deltanet text
    head -c 5000 text >other
    fails 3 'lin-train: ck.plumb: the checkpoint is of a run on 9600 tokens; these are 5000' \
        lin-train -q --resume ck.plumb other
    rev text >other # as long
    run --separate-stderr -3 lin-train -q --resume ck.plumb other
    [[ $stderr =~ ^'lin-train: ck.plumb: the checkpoint is of a run on other data: their sum was x'[0-9a-f]+' and is x' ]]
    lin-train -q $SMALL --steps 1 text -o m.plumb
    fails 3 "lin-train: m.plumb: no tensor 'optim.mean.embeddings.weight': not a checkpoint of this run" \
        lin-train -q --resume m.plumb text
    lin-train -q -L 4 -H 2 <(seq 100) -o forecaster.plumb
    fails 3 'lin-train: forecaster.plumb: not a checkpoint of a training' lin-train --resume forecaster.plumb text
    head -c 3000 ck.plumb >cut.plumb
    run -4 lin-train --resume cut.plumb text
    fails 2 'lin-train: --resume and --from exclude each other' lin-train -q --resume ck.plumb --from none.plumb text
    fails 5 "lin-train: cannot open 'none.plumb': No such file or directory" lin-train --resume none.plumb text
}

@test "what diverges stops, says where, and leaves the last checkpoint" {
    run --separate-stderr -6 lin-train -q $SMALL --steps 100 --lr 1e6 --warmup 0 text
    [[ $stderr =~ ^'lin-train: diverged at step '[0-9]+': the loss is '.*'; a lower --lr may help'$ ]]
    [[ $stderr != *-nan* ]]
    # the last good checkpoint: one of every step, then a rate that blows up while warming up
    run --separate-stderr -6 lin-train -q $SMALL --steps 400 --lr 1e5 --warmup 400 --clip 0 --optimiser sgd \
        --checkpoint ck.plumb --checkpoint-every 0.0001s text -o out.plumb
    [[ $stderr =~ 'the last checkpoint is from before'$ ]]
    ts-check -q ck.plumb
    [ ! -e out.plumb ]
}

@test "tasks are trained by whole rows" {
    lin-task mqar --len 16 --pairs 2 --vocab 16 --rows 64 --seed 1 >task.plumb
    lin-train -m deltanet -s dim=16 -s heads=2 -s layers=1 -s mlp=32 --batch 16 --steps 8 task.plumb 2>report >m.plumb
    grep -q '; 2048 tokens in ' report
    fails 2 'lin-train: --seq 8: rows of a task are taken whole, they have 16 tokens' \
        lin-train -q -m gla --seq 8 task.plumb
    lin-task mqar --len 16 --pairs 2 --vocab 16 --rows 0 >none.plumb
    fails 3 'lin-train: none.plumb: no rows to train on' lin-train -q -m gla none.plumb
}

@test "streams of tokens: one row, many rows, a vocabulary" {
    head -c 4096 text >raw
    ts-import -f raw --dtype u8 --shape 64,64 raw -o rows.plumb
    lin-train -q -m gla -s dim=16 -s heads=2 -s mlp=32 --steps 3 --batch 4 --log log.csv rows.plumb >m.plumb
    [ "$(sed -n 2p log.csv | cut -d, -f 2)" = $((4 * 63)) ]
    fails 3 'lin-train: rows.plumb: rows of 64 tokens, and a window of --seq 64 takes 65' \
        lin-train -q -m gla --seq 64 rows.plumb
    ts-import -f raw --dtype u8 --shape 4096 raw | lin-train -q $SMALL --steps 1 >m.plumb
    fails 2 'lin-train: --set vocabulary=8: the data have 122 different tokens' \
        lin-train -q -m gla -s vocabulary=8 rows.plumb
}

@test "texts that are too short, and what is no text" {
    fails 3 'lin-train: short: 3 tokens, and a window of --seq 16 takes 17' \
        sh -c 'printf abc >short; lin-train -q '"$SMALL"' short'
    : >empty
    run -4 lin-train -q $SMALL empty # as what a writer that died at the start leaves
    fails 3 'lin-train: text: a part of 96 tokens, and a window of --seq 200 takes 201' \
        lin-train -q -m gla --seq 200 --valid-share 0.01 text
    fails 2 'lin-train: --valid and --valid-share exclude each other' \
        lin-train -q -m gla --valid text --valid-share 0.5 text
    lin-train -q -L 4 -H 2 <(seq 100) -o forecaster.plumb
    run -3 lin-train -q -m gla forecaster.plumb
}

@test "options and settings of other models are refused" {
    fails 2 'lin-train: --lookback is not for gla' lin-train -m gla -L 3 text
    fails 2 'lin-train: --seq is not for nlinear' lin-train --seq 3 text
    fails 2 'lin-train: --steps is not for auto' lin-train -m auto --steps 3 text
    fails 2 'lin-train: repeat is a baseline: there is nothing to train' lin-train -m repeat text
    fails 2 "lin-train: unknown model 'glaa': lin-train --list-models lists them" lin-train -m glaa text
    fails 2 'lin-train: --set dim=3: nlinear has no such option' lin-train -s dim=3 text
    fails 2 'lin-train: --set heads=3: dim 16 is not divisible by heads 3' lin-train -m gla -s dim=16 -s heads=3 text
    run -2 lin-train -m gla -s n_h=3 text
    fails 2 'lin-train: --momentum changes nothing without --optimiser sgd' lin-train $SMALL --momentum 0.3 text
    fails 2 'lin-train: --min-lr changes nothing without a --schedule that falls' \
        lin-train $SMALL --schedule constant --min-lr 0.5 text
    fails 2 'lin-train: --eval-every changes nothing without --valid or --valid-share' \
        lin-train $SMALL --eval-every 3 text
    fails 2 'lin-train: --valid-windows changes nothing without --valid or --valid-share' \
        lin-train $SMALL --valid-windows 3 text
    fails 2 'lin-train: --checkpoint-every changes nothing without --checkpoint' \
        lin-train $SMALL --checkpoint-every 1 text
    fails 2 'lin-train: --rank changes nothing without --lora' lin-train $SMALL --rank 3 text
    fails 2 'lin-train: --set half-life=9: nothing is forgotten without gate=yes' \
        lin-train $SMALL -m deltanet -s half-life=9 text
    fails 2 'lin-train: --set half-life=9: nothing is forgotten without forget-gate=yes' \
        lin-train $SMALL -m deltaproduct -s half-life=9 text
    run -2 lin-train -m gla --checkpoint-every soon text
    fails 2 "lin-train: --checkpoint-every 'soon': not a time such as 30s, 10m or 2h" \
        lin-train -m gla --checkpoint-every soon text
}

@test "heads start to forget by their half-lives" {
    for model in mom 'deltanet -s gate=yes' 'deltaproduct -s forget-gate=yes'; do
        lin-train -q $SMALL -m $model -s heads=4 -s half-life=81 --steps 1 --lr 1e-12 text -o start.plumb
        for name in A_log dt_bias; do
            ts-export -n layers.0.attn.$name start.plumb | awk -F, 'NR > 1 { print $NF }' >$name
        done
        # what is left of 1 after as many tokens, 81, 27, 9 and 3
        paste A_log dt_bias | awk '{ left = exp(-exp($1) * log(1 + exp($2)) * 3 ^ (5 - NR)); n++ }
            (left - 0.5) ^ 2 > 1e-8 { exit 1 } END { if (n != 4) exit 1 }'
    done
    fails 2 'lin-train: --set half-life=0.5: less than a token' lin-train $SMALL -m mom -s half-life=0.5 text
}

@test "losses of mom are nats per token, whatever its memories' balance weighs" {
    for aux in 0 1000; do
        lin-train -q $SMALL -m mom -s aux=$aux --steps 1 --lr 0 --log $aux.csv text -o m.plumb
    done
    cmp <(cut -d, -f 3 0.csv) <(cut -d, -f 3 1000.csv)
    ! cmp -s <(cut -d, -f 6 0.csv) <(cut -d, -f 6 1000.csv) || return 1 # the gradients' norms
}

@test "tokens of which nothing can be learned, and tokens that are made already" {
    tok-train -q --vocab 260 text -o tk.json
    tok-encode tk.json text -o made.plumb
    fails 2 'lin-train: --tokenizer tk.json: made.plumb holds tokens, not a text' \
        lin-train $SMALL --tokenizer tk.json made.plumb
    start none.plumb
    record 'meta: stream' 'kind: task\n'
    record 'meta: tokens' 'vocabulary: 8\n'
    record 'tensor: tokens, dtype: u8, shape: [1, 2], codec: raw' '\1\2'
    record 'tensor: targets, dtype: i32, shape: [1, 2], codec: raw' '\xff\xff\xff\xff\xff\xff\xff\xff'
    end
    fails 3 'lin-train: none.plumb: no token has a target' lin-train ${SMALL% --seq*} none.plumb
    start many.plumb
    record 'meta: stream' 'kind: tokens\n'
    record 'meta: tokens' 'vocabulary: 16777217\n'
    record 'tensor: tokens, dtype: u8, shape: [4], codec: raw' '\1\2\3\4'
    end
    fails 3 'lin-train: many.plumb: a vocabulary of 16777217; models have at most 16777216' \
        lin-train $SMALL --seq 2 many.plumb
}

@test "--explain" {
    lin-train --explain $SMALL --steps 10 text >plan
    grep -qx 'parameters: 11200' plan
    grep -qx 'tokens_per_step: 64' plan
    ([ "$CHECKER" ] || ulimit -v 4000000; lin-train --explain -m gla -s dim=65536 -s layers=100 text >plan)
    grep -q '^training_state_bytes: [0-9]\{14\}$' plan
}

@test "a model larger than the machine is refused before memory is taken" {
    # ulimit: if the check failed, so would the first large block, with another message
    run --separate-stderr -5 sh -c '[ "$CHECKER" ] || ulimit -v 4000000; lin-train -m gla -s dim=65536 -s layers=100 text'
    [[ $stderr =~ ^'lin-train: out of memory: the training state takes '[0-9.]*' GB, the machine has ' ]]
}

@test "a checkpoint that cannot be written is found before the first step" {
    fails 5 "lin-train: cannot write 'none/ck.plumb': No such file or directory" \
        lin-train -q $SMALL --steps 2 --checkpoint none/ck.plumb text
    mkfifo pipe
    for path in pipe - /dev/null; do
        fails 2 "lin-train: --checkpoint $path: must be a file, which each checkpoint replaces" \
            timeout 60 lin-train -q $SMALL --steps 2 --checkpoint $path text
    done
}

@test "a run that is resumed logs to a pipe, and from a pipe has nowhere to save" {
    lin-train -q $SMALL --steps 300 --checkpoint ck.plumb --checkpoint-every 0.001 text -o whole.plumb
    mkfifo log
    cat log >got &
    timeout 60 lin-train -q --resume ck.plumb --log log text -o resumed.plumb
    wait
    [ "$(head -n 1 got)" = step,units,loss,valid_loss,rate,norm,seconds ]
    cat ck.plumb | timeout 60 lin-train -q --checkpoint-every 0.0001 --resume - text >resumed.plumb
    cmp whole.plumb resumed.plumb
    timeout 60 lin-train -q --checkpoint-every 0.0001 --resume <(cat ck.plumb) text >resumed.plumb
    cmp whole.plumb resumed.plumb
    timeout 60 lin-train -q --checkpoint-every 0.0001 --resume - text <ck.plumb >resumed.plumb
    cmp whole.plumb resumed.plumb
    cat ck.plumb | fails 2 'lin-train: --shift is not for gla' lin-train -q --resume - --shift 2 text
    fails 2 'lin-train: --resume and DATA cannot both be standard input' lin-train -q --resume - - <ck.plumb
    cp text held
    tok-train -q --vocab 260 text -o tk.json
    fails 2 'lin-train: --log tk.json: the file is read too' \
        lin-train -q $SMALL --tokenizer tk.json --log tk.json text
    for other in '--checkpoint twice' '-o twice'; do
        fails 2 'lin-train: --log twice: the file is written by another option too' \
            lin-train -q $SMALL --log twice $other text
    done
    # a file of something else is nobody's log, new or old
    echo notes >notes
    fails 3 'lin-train: notes: is not the log of a training and is left as it is' \
        lin-train -q $SMALL --steps 1 --log notes text -o m.plumb
    [ "$(cat notes)" = notes ] && [ ! -e m.plumb ]
    fails 2 'lin-train: --log held: the file is read too' lin-train -q $SMALL --valid held --log held text
    fails 2 'lin-train: --checkpoint text: the file is read too' lin-train -q $SMALL --checkpoint text text
    cmp text held
}

@test "a model is made again from its history, resumed or not" {
    lin-train -q $SMALL --steps 5 --checkpoint ck.plumb --log log.csv text -o m.plumb
    says "lin-train -m gla -s 'dim=16' -s 'heads=2' -s 'layers=1' -s 'mlp=32' --seq 16 --batch 4 --steps 5 text" \
        sh -c 'ts-info --history m.plumb | tail -n 1'
    ts-info --history m.plumb | sh 2>/dev/null | cmp - m.plumb
}

@test "a text through a tokenizer, which the model carries" {
    printf '%s' '{"version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "decoder": {"type": "ByteLevel"}, "post_processor": null,
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "Ċ": 3, "ab": 4}, "merges": ["a b"]}}' >t.json
    awk 'BEGIN { for (i = 0; i < 200; i++) print "ab a b ab" }' >ab
    lin-train $SMALL --steps 4 --tokenizer t.json --checkpoint ck.plumb --checkpoint-every 0.0001s ab 2>report >m.plumb
    grep -q '; ab: 1600 tokens, vocabulary 5$' report
    cmp t.json <(ts-select -n tokenizer.json m.plumb | ts-export -f npy | tail -c "$(wc -c <t.json)")
    lin-train -q --resume ck.plumb ab | cmp - m.plumb # with the tokenizer of the checkpoint
    sed 's/Ċ/Ĉ/' t.json >other.json
    run -3 lin-train -q $SMALL --tokenizer other.json ab # a line's end has no token
    run -3 lin-train -q $SMALL --tokenizer text ab
}
