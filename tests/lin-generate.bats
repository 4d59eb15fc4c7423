# lin-generate: texts that are gone on with, drawing, states.
# SPDX-License-Identifier: MIT
load helper
load stream
bats_require_minimum_version 1.5.0

# model TYPE SETTING...: $T/TYPE.plumb, at random weights that are large enough to make a difference.
model() {
    local type=$1 setting options=()
    shift
    for setting in dim=16 heads=2 layers=2 mlp=32 init=0.4 "$@"; do
        options+=(-s "$setting")
    done
    lin-train -q -m "$type" "${options[@]}" --seq 8 --batch 1 --steps 0 "$T/text" >"$T/$type.plumb"
}

setup() {
    cd "$T"
    for i in 1 2 3 4 5 6 7 8; do printf 'to be or not to be, that is question %d\n' $i; done >text
}

# numbers NEXT...: a model of tokens that are numbers; behind token i comes NEXT[i], surely; behind
# the token $LAST a logit that is not finite.
numbers() {
    local n=$# i j one norm embeddings head
    one='\0\0\0200\077'
    for ((i = 0; i < n; i++)); do
        norm+=$one
        for ((j = 0; j < n; j++)); do
            [ $i = $j ] && embeddings+=$one || embeddings+='\0\0\0\0'
        done
    done
    for ((i = 0; i < n; i++)); do # row i: by which tokens i is followed up; 64 is 0x42800000
        for ((j = 1; j <= n; j++)); do
            if [ "${!j}" != $i ]; then
                head+='\0\0\0\0'
            elif [ "$LAST" = $((j - 1)) ]; then
                head+='\0377\0377\0177\0177'
            else
                head+='\0\0\0200\0102'
            fi
        done
    done
    start numbers.plumb
    record 'meta: stream' 'kind: model'
    record 'meta: model' "type: transformer\nconfiguration: {vocabulary: $n, dim: $n, heads: 1, layers: 0}"
    record "tensor: embeddings.weight, dtype: f32, shape: [$n, $n], codec: raw" "$embeddings"
    record "tensor: norm.weight, dtype: f32, shape: [$n], codec: raw" "$norm"
    record "tensor: lm_head.weight, dtype: f32, shape: [$n, $n], codec: raw" "$head"
    end
}

@test "as many bytes as asked for, the prompt not among them" {
    model gla
    [ "$(lin-generate -n 50 --prompt 'to be' gla.plumb | wc -c)" = 50 ]
    [ "$(lin-generate gla.plumb | wc -c)" = 200 ]
    [ "$(lin-generate -n 0 gla.plumb | wc -c)" = 0 ]
    lin-generate -n 9 --echo --prompt 'to be' gla.plumb >echoed
    [ "$(head -c 5 echoed)" = 'to be' ]
    [ "$(wc -c <echoed)" = 14 ]
    lin-generate -n 9 --prompt 'to be' gla.plumb | cmp - <(tail -c 9 echoed)
    lin-generate -n 9 --prompt 'to be' -o out gla.plumb
    cmp out <(tail -c 9 echoed)
    lin-generate -n 9 --prompt 'to be' <gla.plumb | cmp - out
}

@test "a trained model says what it has read" {
    lin-train -q -m gla -s dim=32 -s heads=2 -s layers=1 -s mlp=64 -s conv=4 --seq 32 --batch 8 --steps 80 --lr 0.02 \
        text >gla.plumb
    says ' or not to be, that is question' \
        lin-generate -n 31 --temperature 0 --prompt 'to be' gla.plumb
}

@test "numbers: one a line, and as a prompt with blanks between" {
    numbers 2 0 3 1
    says "$(printf '%s\n' 2 3 1 0 2)" lin-generate -n 5 --prompt 0 numbers.plumb
    says "$(printf '%s\n' 1 0)" lin-generate -n 2 --prompt '0 1
        3' numbers.plumb
    says "$(printf '%s\n' 1 3 1 0)" lin-generate -n 2 --echo --prompt ' 1 3 ' numbers.plumb
    fails 2 'lin-generate: tokens are numbers, of which none begins a text: --prompt is needed' \
        lin-generate numbers.plumb
    fails 3 'lin-generate: --prompt: byte 2: token 4 is not in the vocabulary of 4' \
        lin-generate --prompt '1 4' numbers.plumb
    fails 3 'lin-generate: --prompt: byte 0: not a token: the model knows no text, tokens are numbers' \
        lin-generate --prompt 'To be' numbers.plumb
    fails 3 'lin-generate: --prompt: byte 2: not a token: the model knows no text, tokens are numbers' \
        lin-generate --prompt '1 -1' numbers.plumb
}

@test "prompts of any bytes, from files and pipes" {
    model deltanet
    printf 'a\0\377\303' >prompt
    lin-generate -n 20 --echo --prompt-file prompt deltanet.plumb >from-file
    head -c 4 from-file | cmp - prompt
    lin-generate -n 20 --echo --prompt-file - deltanet.plumb <prompt | cmp - from-file
    lin-generate -n 20 --prompt "$(printf '\377\376')" deltanet.plumb >bytes
    printf '\377\376' | lin-generate -n 20 --prompt-file - deltanet.plumb | cmp - bytes
    : >empty # nothing: as without a prompt
    lin-generate -n 20 --prompt-file empty deltanet.plumb | cmp - <(lin-generate -n 20 deltanet.plumb)
    fails 5 "lin-generate: cannot open 'none': No such file or directory" \
        lin-generate --prompt-file none deltanet.plumb
}

@test "a tokenizer of the model's own: prompts through it, text out of it" {
    tok-train -q --vocab 300 text >bytes.json
    tok-train -q --alphabet --vocab 60 text >alphabet.json
    for tokenizer in bytes alphabet; do
        lin-train -q -m gla -s dim=16 -s heads=2 -s layers=1 -s mlp=32 --tokenizer $tokenizer.json --seq 8 \
            --batch 8 --steps 60 --lr 0.02 text >$tokenizer.plumb
        lin-generate -n 5 --echo --prompt 'to be' $tokenizer.plumb >echoed
        [ "$(head -c 5 echoed)" = 'to be' ]
        [ "$(wc -c <echoed)" -ge 10 ]
        lin-generate -n 20 --prompt 'to be' $tokenizer.plumb >whole
        rm -f state
        lin-generate -n 6 --prompt 'to be' --state state $tokenizer.plumb >parts
        lin-generate -n 14 --state state $tokenizer.plumb >>parts
        cmp parts whole
        lin-eval --json $tokenizer.plumb text | jq -e '.bits_per_byte < 4 and .tokens > 50'
    done
    lin-generate -n 5 --prompt "$(printf 'caf\303\251 \377')" bytes.plumb >/dev/null
    fails 3 "lin-generate: --prompt: byte 3: the tokenizer has no piece for 'X'" \
        lin-generate -n 5 --prompt 'to Xylo' alphabet.plumb
}

@test "ids that the tokenizer has no piece for are never drawn" {
    printf 'abab\nbaab\n%.0s' {1..20} >text
    tok-train -q --alphabet --vocab 3 text | jq '.model.vocab.b = 30' >holes.json
    lin-train -q -m gla -s dim=8 -s heads=1 -s layers=1 -s mlp=8 --tokenizer holes.json --seq 8 --batch 2 --steps 0 \
        text >holes.plumb
    lin-generate -n 500 holes.plumb >drawn
    [ "$(wc -c <drawn)" = 500 ]
    [ "$(tr -d 'ab\n' <drawn | wc -c)" = 0 ]
    lin-generate -n 500 --top-k 20 --temperature 0.5 holes.plumb >/dev/null
    lin-generate -n 20 --temperature 0 --prompt ab holes.plumb >/dev/null
}

@test "a tokenizer without a newline, and none that begins a text: a prompt is needed" {
    printf 'abab' >text
    tok-train -q --alphabet --vocab 2 text >two.json
    lin-train -q -m gla -s dim=8 -s heads=1 -s layers=1 -s mlp=8 --tokenizer two.json --seq 2 --batch 1 --steps 0 \
        text >two.plumb
    fails 2 'lin-generate: the tokenizer has no token that begins a text and no piece for a newline: --prompt is needed' \
        lin-generate two.plumb
    [ "$(lin-generate -n 9 --prompt ab two.plumb | wc -c)" = 9 ]
}

@test "drawing: by the seed, from the most probable" {
    model gla
    lin-generate -n 40 --prompt a gla.plumb >drawn
    lin-generate -n 40 --prompt a -j 1 gla.plumb | cmp - drawn
    ! lin-generate -n 40 --prompt a --seed 1 gla.plumb | cmp -s - drawn || return 1
    lin-generate -n 40 --prompt a --temperature 0 gla.plumb >greedy
    ! cmp -s greedy drawn || return 1
    lin-generate -n 40 --prompt a --temperature 0 --seed 1 gla.plumb | cmp - greedy
    lin-generate -n 40 --prompt a --top-k 1 gla.plumb | cmp - greedy
    lin-generate -n 40 --prompt a --top-p 1e-9 gla.plumb | cmp - greedy
    lin-generate -n 40 --prompt a --temperature 1e-9 gla.plumb | cmp - greedy
    lin-generate -n 40 --prompt a --top-k 256 gla.plumb >ordered # all stay, in another order
    [ "$(wc -c <ordered)" = 40 ]
    lin-generate -n 40 --prompt a --top-k 3 --top-p 0.9 --temperature 5 gla.plumb >few
    ! cmp -s few greedy || return 1
}

@test "a text that is gone on with is the text that was not interrupted" {
    for type in gla deltanet deltaproduct mom transformer; do
        settings=
        [ $type = gla ] && settings=conv=4
        model $type $settings
        lin-generate -n 60 --prompt 'to be' $type.plumb >whole
        rm -f state
        lin-generate -n 17 --prompt 'to be' --state state $type.plumb >parts
        lin-generate -n 0 --state state $type.plumb >>parts
        lin-generate -n 43 --state state $type.plumb >>parts
        cmp parts whole || { echo $type; return 1; }
        lin-generate -n 60 --prompt 'to be' --state other $type.plumb >/dev/null
        ts-diff state other # the state, too
        rm other
    done
}

@test "a state is a stream: what it holds, and a prompt added to it" {
    model gla conv=4
    lin-generate -n 10 --prompt 'to be' --state state gla.plumb >/dev/null
    ts-check -q state
    ts-info --json state >info
    jq -e '.kind == "state" and ([.tensors[].name] | index("layer.1.S"))' info
    ts-info --history state | grep -q lin-generate
    lin-generate -n 10 --prompt ', or' --state state gla.plumb >/dev/null
    [ "$(ts-info --json state | jq '[.tensors[] | .shape] | length')" = "$(jq '[.tensors[] | .shape] | length' info)" ]
    lin-generate --no-history -n 10 --prompt 'to be' --state bare gla.plumb >/dev/null
    [ -z "$(ts-info --history bare | grep lin-generate)" ]
}

@test "states of other models are refused, field by field" {
    model gla
    model deltanet
    lin-generate -n 5 --state state gla.plumb >/dev/null
    cp state before
    fails 3 "lin-generate: state: the state of another model: type is gla, the model's deltanet" \
        lin-generate --state state deltanet.plumb
    model gla dim=32
    fails 3 "lin-generate: state: the state of another model: dim is 16, the model's 32" \
        lin-generate --state state gla.plumb
    fails 3 "lin-generate: gla.plumb: expected a state, found model" \
        lin-generate --state gla.plumb gla.plumb
    fails 2 "lin-generate: --state -: a state is read and written, name a file" \
        lin-generate --state - gla.plumb
    head -c 1000 before >cut
    run -4 lin-generate --state cut gla.plumb
    cmp state before # untouched
    model gla
    ts-select -n '!layer.1.S' before >less
    fails 3 "lin-generate: less: not a state of this model: missing 'layer.1.S'" \
        lin-generate --state less gla.plumb
    lin-train -q -m gla -s dim=16 -s heads=2 -s layers=2 -s mlp=32 -s init=0.4 --seq 8 --batch 1 --steps 0 --seed 1 text \
        >other.plumb
    lin-generate -n 3 --state state other.plumb 2>&1 >/dev/null |
        grep -q '^lin-generate: warning: state: the state of other weights: their sum is x'
}

@test "a failure in the middle: the text up to there is written, but no half of a file" {
    LAST=3 numbers 1 2 3 0
    fails 6 'lin-generate: the logits behind token 4 are not finite' \
        lin-generate --prompt 0 --state state numbers.plumb
    says "$(printf '%s\n' 1 2 3)" cat stdout
    [ ! -e state ]
    fails 6 'lin-generate: the logits behind token 4 are not finite' \
        lin-generate --prompt 0 -o out numbers.plumb
    [ ! -e out ]
}

@test "a model that has learned positions: what goes beyond them is refused in the beginning" {
    model transformer positions=20
    [ "$(lin-generate -n 20 transformer.plumb | wc -c)" = 20 ]
    fails 2 "lin-generate: --count 21: of the model's 20 positions the text leaves 20" \
        lin-generate -n 21 transformer.plumb
    [ ! -s stdout ]
    lin-generate -n 10 --prompt 'to be' --state state transformer.plumb >parts
    cp state before
    fails 2 "lin-generate: --count 7: of the model's 20 positions the text leaves 6" \
        lin-generate -n 7 --state state transformer.plumb
    cmp state before
    lin-generate -n 6 --state state transformer.plumb >>parts
    lin-generate -n 16 --prompt 'to be' transformer.plumb | cmp - parts
}

@test "a state that cannot be written is found out in the beginning" {
    model gla
    fails 5 "lin-generate: cannot write 'none/state': No such file or directory" \
        lin-generate --state none/state gla.plumb
    [ ! -s stdout ]
    mkfifo pipe
    fails 2 'lin-generate: --state: must be a file, which the next state replaces' \
        lin-generate --state pipe gla.plumb
    fails 2 'lin-generate: --state and --output: one file cannot be both' \
        lin-generate --state state -o state gla.plumb
    lin-generate -n 1 --state state gla.plumb >/dev/null
    fails 2 'lin-generate: --state and --output: one file cannot be both' \
        lin-generate --state state -o ./state gla.plumb
    ts-check -q state
}

@test "what is no language model, and options that do not go together" {
    model gla
    lin-train -q -L 24 -H 6 "$TOP/data/elnino_monthly.csv" >f.plumb
    fails 3 "lin-generate: f.plumb: meta model: 'nlinear' is not the type of a language model" \
        lin-generate f.plumb
    fails 2 'lin-generate: --prompt and --prompt-file: one of them' \
        lin-generate --prompt a --prompt-file text gla.plumb
    fails 2 'lin-generate: --top-k has an effect only with a --temperature above 0' \
        lin-generate --temperature 0 --top-k 5 gla.plumb
    fails 2 'lin-generate: --top-p has an effect only with a --temperature above 0' \
        lin-generate --temperature 0 --top-p 0.5 gla.plumb
    lin-generate --print-config >config # defaults, which are no mistake
    lin-generate -n 1 -c config --temperature 0 gla.plumb >/dev/null
    fails 2 'lin-generate: MODEL and --prompt-file cannot both be standard input' \
        lin-generate --prompt-file - <gla.plumb
}

# starts: lin-generate with a state, in the background as $!, up to its first letters
starts() {
    model gla
    env --default-signal=INT lin-generate -n 1000000000 --prompt a --state state gla.plumb >first &
    for _ in {1..600}; do [ -s first ] && break || sleep 0.1; done
}

# stands STATUS: it has ended so, and its state stands where the text stops
stands() {
    local status=0
    wait $! || status=$?
    [ $status = "$1" ]
    lin-generate -n 10 --state state gla.plumb >second
    local size=$(cat first second | wc -c)
    lin-generate -n "$size" --prompt a gla.plumb | cmp - <(cat first second)
}

@test "interrupted with a state: it stands where the text stops" {
    starts
    kill -TERM $!
    stands 143
}

@test "SIGINT to the process and to its group, in one instant, is one" {
    starts
    for _ in {1..5}; do kill -INT $! 2>/dev/null || true; done
    stands 130
}

@test "what a new model is warned of, a trained one is not" {
    model deltanet conv=0
    lin-train -m deltanet -s dim=16 -s heads=2 -s conv=0 --seq 8 --batch 1 --steps 0 text 2>&1 >/dev/null |
        grep -q 'warning: deltanet without its short convolution recalls less; conv=4 adds it'
    lin-generate -n 3 deltanet.plumb 2>&1 >/dev/null | { ! grep .; }
    lin-eval deltanet.plumb text 2>&1 >/dev/null | { ! grep .; }
}

@test "tokens come as they are made" {
    model gla
    mkfifo pipe
    lin-generate -n 1000000000 --prompt a gla.plumb >pipe &
    head -c 1 <pipe | wc -c | grep -q 1
    wait $! || true # SIGPIPE
}
