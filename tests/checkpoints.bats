bats_require_minimum_version 1.5.0
load helper

# Checkpoints of language models: llama2.c, folders in the layout of Hugging Face, PyTorch files.

# numbers N...: as little-endian i32
numbers() {
    local n
    for n; do
        printf "\\x$(printf %x $((n & 255)))\\x$(printf %x $((n >> 8 & 255)))\\x$(printf %x $((n >> 16 & 255)))\\x$(printf %x $((n >> 24 & 255)))"
    done
}

# elements COUNT: bytes of text that are finite as f32, no two of them the same
elements() {
    seq -f '%04.0f' 0 $(($1 - 1)) | tr -d '\n'
}

# llama2c LAYERS VOCABULARY: a checkpoint of width 4 with 2 heads, one of them of keys and values
llama2c() {
    numbers 4 6 "$1" 2 1 "$2" 5
    local v=${2#-} n
    n=$((v * 4 + $1 * (4 + 16 + 8 + 8 + 16 + 4 + 3 * 24) + 4 + 5 * 2))
    [ "$2" = "$v" ] || n=$((n + v * 4))
    elements $n
}

# safetensors: lines NAME SHAPE of standard input as a file of f32 tensors
safetensors() {
    local name shape at=0 header= size count
    while read -r name shape; do
        count=$((${shape//,/*}))
        header="$header,\"$name\":{\"dtype\":\"F32\",\"shape\":[$shape],\"data_offsets\":[$at,$((at + 4 * count))]}"
        at=$((at + 4 * count))
    done
    header="{${header#,}}"
    size=${#header}
    numbers "$size" 0
    printf %s "$header"
    elements $((at / 4))
}

# floats FILE NAME: the bytes of a tensor
floats() {
    ts-export -f npy -n "$2" "$1" | tail -c +129
}

gpt2_tensors() {
    printf '%s\n' 'wte.weight 3,4' 'wpe.weight 5,4' 'h.0.ln_1.weight 4' 'h.0.ln_1.bias 4' \
        'h.0.attn.bias 1,1,5,5' 'h.0.attn.c_attn.weight 4,12' 'h.0.attn.c_attn.bias 12' \
        'h.0.attn.c_proj.weight 4,4' 'h.0.attn.c_proj.bias 4' 'h.0.ln_2.weight 4' 'h.0.ln_2.bias 4' \
        'h.0.mlp.c_fc.weight 4,8' 'h.0.mlp.c_fc.bias 8' 'h.0.mlp.c_proj.weight 8,4' \
        'h.0.mlp.c_proj.bias 4' 'ln_f.weight 4' 'ln_f.bias 4'
}

gpt2_folder() {
    mkdir gpt2
    gpt2_tensors | safetensors >gpt2/model.safetensors
    echo '{"model_type":"gpt2","n_embd":4,"n_layer":1,"n_head":2,"n_inner":8,"vocab_size":3,"n_positions":5,"seed":17,"torch_dtype":"float32"}' >gpt2/config.json
}

llama_tensors() {
    printf '%s\n' 'model.embed_tokens.weight 3,4' 'model.layers.0.input_layernorm.weight 4' \
        'model.layers.0.self_attn.q_proj.weight 4,4' 'model.layers.0.self_attn.k_proj.weight 2,4' \
        'model.layers.0.self_attn.v_proj.weight 2,4' 'model.layers.0.self_attn.o_proj.weight 4,4' \
        'model.layers.0.post_attention_layernorm.weight 4' 'model.layers.0.mlp.gate_proj.weight 6,4' \
        'model.layers.0.mlp.up_proj.weight 6,4' 'model.layers.0.mlp.down_proj.weight 4,6' \
        'model.norm.weight 4' 'lm_head.weight 3,4'
}

llama_config='"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"intermediate_size":6,"vocab_size":3,"max_position_embeddings":16'

# llama_folder NAME KEYS FILTER...: a folder with further keys of config.json, its tensors through sed
llama_folder() {
    mkdir -p "$1"
    llama_tensors | sed "${3-}" | safetensors >"$1/model.safetensors"
    echo "{\"model_type\":\"llama\",$llama_config$2}" >"$1/config.json"
}

@test "llama2.c: rows of q and k are turned, the rest is as it was" {
    cd "$T"
    llama2c 2 3 >m.bin
    ts-import m.bin >m.plumb
    ts-check m.plumb
    ts-info --json m.plumb | grep -q '"kind": "model"'
    # embeddings 12, attn_norm 2 * 4, then q: rows 0 1 2 3 of each layer, in heads of 2
    [ "$(floats m.plumb embeddings.weight)" = "$(elements 12)" ]
    [ "$(floats m.plumb layers.1.attn_norm.weight)" = 0016001700180019 ]
    [ "$(floats m.plumb layers.0.attn.q_proj.weight)" = "$(elements 36 | tail -c 64)" ]
    # the norm stands behind all layers, before two tables of 5 elements
    [ "$(floats m.plumb norm.weight)" = "$(tail -c 56 m.bin | head -c 16)" ]
    cat m.bin | ts-import | ts-diff - m.plumb
    llama2c 2 -3 >untied.bin
    ts-import untied.bin | ts-info | grep -q '^lm_head.weight .*\[3, 4\]'
}

@test "llama2.c: wider heads come in pairs of rows" {
    cd "$T"
    { numbers 4 1 1 1 1 2 1 && elements $((8 + 4 + 64 + 4 + 12 + 4 + 4)); } >m.bin
    ts-import m.bin >m.plumb
    q=$(elements 28 | tail -c 64)
    [ "$(floats m.plumb layers.0.attn.q_proj.weight)" = "${q:0:16}${q:32:16}${q:16:16}${q:48:16}" ]
    [ "$(floats m.plumb layers.0.attn.v_proj.weight)" = "$(elements 60 | tail -c 64)" ]
}

@test "llama2.c: what is damaged is refused" {
    cd "$T"
    llama2c 2 3 >m.bin
    size=$(stat -c %s m.bin)
    head -c $((size - 8)) m.bin >cut.bin
    fails 4 "ts-import: cut.bin: truncated: as a llama2.c checkpoint its header promises $size bytes, the file has $((size - 8))" \
        ts-import -o no.plumb cut.bin
    { cat m.bin && printf x; } >long.bin
    fails 3 'ts-import: long.bin: 1 bytes more than its header promises as a llama2.c checkpoint' \
        ts-import -o no.plumb long.bin
    printf '24ka\1\0\0\0' >new.bin
    fails 3 'ts-import: new.bin: this is a llama2.c checkpoint of a later version; version 0 is read' \
        ts-import new.bin
    { numbers 4 6 2 3 1 3 5 && elements 50; } >heads.bin
    fails 3 'ts-import: heads.bin: not a llama2.c checkpoint: its first numbers do not go together' \
        ts-import -f llama2c heads.bin
    [ ! -e no.plumb ]
}

@test "llama: a folder, and back" {
    cd "$T"
    llama_folder llama ',"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192},"my_key":[1,"two"],"bos_token_id":[1,2]'
    echo '{"model_max_length":16}' >llama/tokenizer_config.json
    ts-import llama >m.plumb
    ts-check m.plumb
    ts-info m.plumb | grep -q '^layers.0.attn.k_proj.weight .*\[2, 4\]'
    ts-export -f hf -o out/ m.plumb
    cmp <(tail -c +2000 llama/model.safetensors) <(tail -c +2000 out/model.safetensors)
    grep -q '"my_key": \[1, "two"\]' out/config.json
    grep -q '"bos_token_id": \[1, 2\]' out/config.json
    grep -q '"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}' out/config.json
    says '{"model_max_length": 16}' cat out/tokenizer_config.json
    ts-import out | ts-diff - m.plumb
    ts-import -f safetensors llama | ts-info | grep -q '^model.norm.weight'
    ts-info llama/ | grep -q '^norm.weight'
}

@test "llama: prefixes, shards, idle tensors, biases, tied heads" {
    cd "$T"
    llama_folder plain '' 's/^model\.//'
    llama_folder wrapped '' 's/^/base_model.model./'
    llama_folder whole ''
    ts-import whole >whole.plumb
    ts-import plain | ts-diff - whole.plumb
    ts-import wrapped | ts-diff - whole.plumb
    mkdir sharded && cp whole/config.json sharded
    llama_tensors | head -n 4 | safetensors >sharded/a.safetensors
    llama_tensors | tail -n +5 | safetensors >sharded/b.safetensors
    map=$(llama_tensors | awk '{ printf "%s\"%s\":\"%s.safetensors\"", (NR > 1 ? "," : ""), $1, (NR <= 4 ? "a" : "b") }')
    echo "{\"weight_map\":{$map}}" >sharded/model.safetensors.index.json
    ts-import sharded | ts-info | grep -q '^lm_head.weight'
    head -c -50 sharded/b.safetensors >cut && mv cut sharded/b.safetensors
    fails 4 "ts-import: sharded/b.safetensors: ends 50 bytes early, in tensor 'model.norm.weight': truncated?" \
        ts-import -o no.plumb sharded
    head -c 300 sharded/b.safetensors >cut && mv cut sharded/b.safetensors
    run -4 ts-import -o no.plumb sharded
    [[ $output == 'ts-import: sharded/b.safetensors: ends '*' bytes early: truncated?' ]]
    printf '\1\2\3' >sharded/b.safetensors
    fails 4 'ts-import: sharded/b.safetensors: ends 5 bytes early: truncated?' ts-import -o no.plumb sharded
    llama_tensors | tail -n +6 | safetensors >sharded/b.safetensors
    fails 3 "ts-import: sharded/model.safetensors.index.json: tensor 'model.layers.0.self_attn.v_proj.weight' is missing in its shard 'b.safetensors'" \
        ts-import -o no.plumb sharded
    llama_tensors | tail -n +5 | sed 's/down_proj.weight 4,6/down_proj.weight 6,4/' | safetensors >sharded/b.safetensors
    fails 3 "ts-import: sharded: b.safetensors: tensor 'model.layers.0.mlp.down_proj.weight' is [6, 4], config.json makes it [4, 6]" \
        ts-import -o no.plumb sharded
    rm sharded/b.safetensors
    fails 5 "ts-import: sharded/model.safetensors.index.json: shard 2 of 2: cannot open 'sharded/b.safetensors': No such file or directory" \
        ts-import sharded
    llama_folder tied ',"tie_word_embeddings":true' \
        's/^lm_head.weight.*/model.layers.0.self_attn.rotary_emb.inv_freq 1/'
    ! ts-import tied | ts-info | grep -q lm_head || return 1
    llama_folder qwen '' 's/^\(.*\.\)\([qkv]\)_proj.weight \([0-9]\),4/&\n\1\2_proj.bias \3/'
    sed -i s/llama/qwen2/ qwen/config.json
    ts-import qwen >qwen.plumb
    ts-info qwen.plumb | grep -q '^layers.0.attn.v_proj.bias .*\[2\]'
    ts-export -f hf -o out qwen.plumb
    grep -q '"model_type": "qwen2"' out/config.json
    ts-import out | ts-diff - qwen.plumb
}

@test "gpt2: fused and turned matrices come apart, and together again" {
    cd "$T"
    gpt2_folder
    ts-import gpt2 >m.plumb
    ts-check m.plumb
    # c_attn stands behind 12 + 20 + 4 + 4 + 25 elements, [4, 12]: q has columns 0 to 3
    [ "$(floats m.plumb layers.0.attn.q_proj.weight)" = 0065007700890101006600780090010200670079009101030068008000920104 ]
    [ "$(floats m.plumb layers.0.attn.v_proj.weight | head -c 16)" = 0073008500970109 ]
    [ "$(floats m.plumb layers.0.attn.k_proj.bias)" = 0117011801190120 ]
    ts-export -f hf -o out m.plumb
    ts-import out | ts-diff - m.plumb
    grep -q '"seed": 17' out/config.json
    ts-import -f safetensors out | ts-info | grep -q '^transformer.h.0.attn.c_attn.weight .*\[4, 12\]'
    # the same bytes, but for the mask that nobody needs
    head -c 260 <(ts-import -f safetensors gpt2 | ts-export -f npy -n wte.weight) | cmp - \
        <(ts-import -f safetensors out | ts-export -f npy -n transformer.wte.weight | head -c 260)
    cmp <(ts-import -f safetensors gpt2 | ts-export -f npy -n h.0.attn.c_attn.weight) \
        <(ts-import -f safetensors out | ts-export -f npy -n transformer.h.0.attn.c_attn.weight)
}

@test "folders: everything that does not fit is listed, with its file" {
    cd "$T"
    llama_folder bad '' 's/q_proj.weight 4,4/q_proj.weight 2,4/; s/norm.weight 4$/norm.wait 4/; /up_proj/d; $d'
    fails 3 "ts-import: bad: tensor 'model.layers.0.input_layernorm.weight' is missing; model.safetensors: tensor 'model.layers.0.self_attn.q_proj.weight' is [2, 4], config.json makes it [4, 4] (2 heads of 2); tensor 'model.layers.0.post_attention_layernorm.weight' is missing; tensor 'model.layers.0.mlp.up_proj.weight' is missing; tensor 'model.norm.weight' is missing; tensor 'lm_head.weight' is absent and tie_word_embeddings is false; model.safetensors: tensor 'model.layers.0.input_layernorm.wait' has no place in a llama-like model; model.safetensors: tensor 'model.layers.0.post_attention_layernorm.wait' has no place in a llama-like model; and 1 more" \
        ts-import -o no.plumb bad
    [ ! -e no.plumb ]
    config() {
        echo "$1" >bad/config.json
        fails 3 "ts-import: bad/config.json: $2" ts-import bad
    }
    config '{"model_type":"bert"}' "model_type 'bert' is not supported (llama, mistral, qwen2, qwen3, gpt2 are; -f safetensors reads the bare tensors)"
    config '{}' 'there is no model_type'
    config '[]' 'not an object'
    config '{"model_type":"llama","hidden_size":"x"}' "line 1: hidden_size: not an integer: 'x'"
    config '{"model_type":"llama","hidden_size":4}' 'there is no num_hidden_layers'
    config "{\"model_type\":\"llama\",$llama_config,\"hidden_act\":\"gelu\"}" "hidden_act 'gelu' is not supported"
    config "{\"model_type\":\"llama\",$llama_config,\"mlp_bias\":true}" 'mlp_bias true is not supported'
    config "{\"model_type\":\"llama\",$llama_config,\"rope_scaling\":{\"type\":\"longrope\"}}" "rope_scaling of kind 'longrope' is not supported"
    config "{\"model_type\":\"llama\",${llama_config/heads\":1/heads\":3},\"head_dim\":2}" '2 heads of width 2, 3 of keys and values, do not go together'
    config "{\"model_type\":\"qwen2\",$llama_config,\"use_sliding_window\":true,\"sliding_window\":4,\"layer_types\":[\"full_attention\",\"sliding_attention\"]}" \
        'some layers with a sliding window and some without are not supported'
    llama_folder lfs ''
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n' >lfs/model.safetensors
    fails 3 'ts-import: lfs/model.safetensors: this is a Git LFS pointer, not the weights: git lfs pull fetches them' ts-import lfs
    mv lfs/model.safetensors lfs/pytorch_model.bin
    fails 3 'ts-import: lfs/pytorch_model.bin: only safetensors are read from a folder: ts-import lfs/pytorch_model.bin | ts-export -f safetensors -o lfs/model.safetensors' ts-import lfs
    mkdir none
    fails 3 'ts-import: none: no folder with a config.json' ts-import -f hf none
}

@test "folders: a tokenizer that does not fit, and one that is none" {
    cd "$T"
    llama_folder small ''
    printf 'to be, or not to be, that is the question' | tok-train -q --vocab 260 -o small/tokenizer.json
    fails 3 'ts-import: small/: the tokenizer has 260 tokens, the model 3: it is another model'\''s' \
        ts-import -o no.plumb small
    [ ! -e no.plumb ]
    echo '{"model":' >small/tokenizer.json
    fails_like 0 'ts-import: warning: small/tokenizer.json: * (the tokenizer goes along as it is)' \
        ts-import -o m.plumb small
    fails_like 3 'lin-generate: *tokenizer.json: byte *' lin-generate m.plumb
}

@test "export: what is no transformer, no model, no folder" {
    cd "$T"
    llama2c 1 3 >m.bin
    ts-import "$TOP/data/co2.csv" >s.plumb
    fails 2 'ts-export: -f hf writes a folder: -o names it' ts-export -f hf m.bin
    fails 2 'ts-export: -f hf writes a whole model: --name picks none of it' ts-export -f hf -n x -o out m.bin
    fails 3 'ts-export: s.plumb: expected a model, found none' ts-export -f hf -o out s.plumb
    ts-import m.bin | ts-select -n 'layers.*' >part.plumb
    fails 3 "ts-export: part.plumb: parameter 'embeddings.weight' is missing" ts-export -f hf -o out part.plumb
    touch file
    fails 5 "ts-export: cannot make the folder 'file': File exists" ts-export -f hf -o file m.bin
    [ ! -e out ]
}

@test "PyTorch files: all three formats" {
    need_data data/formats/pytorch
    cd "$DATA/data/formats/pytorch"
    for file in *.pt *.pth *.tar; do
        [ "$file" = broken.pt ] || ts-import -q "$file" | ts-check >/dev/null || { echo "$file"; return 1; }
    done
    says $'weight.0,weight.1,weight.2\n0.1,0.2,0.3\n0.4,0.5,0.6' ts-export -n weight tar_weight_bias.tar
    says $'weight.0,weight.1,weight.2\n-1.812955,1.1972814,-1.259396\n-0.6564882,-1.4788749,2.0878928' \
        ts-export -n weight simple_legacy.pt
    ts-export -f npy candle_fortran_tensor_3d.pth | tail -c 192 | od -An -v -t d8 -w192 | says '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24' xargs
    fails 0 "ts-import: warning: checkpoint.pt: left out 2 values that are no tensors, such as 'epoch'" ts-import -o "$T/c.plumb" checkpoint.pt
    ts-info "$T/c.plumb" | grep -q '^optimizer_state_dict.state.0.momentum_buffer '
}

# What stands before the object in a PyTorch file of the legacy format.
pickle_front() {
    printf '\200\2\212\012\154\374\234\106\371\040\152\250\120\031.\200\2M\351\3.\200\2}.'
}

@test "PyTorch files: pickles that are damaged, or more than data" {
    cd "$T"
    pickle_front >front
    { cat front && printf '\200\2cos\nsystem\nX\4\0\0\0echo\205R.'; } >evil.pt
    fails 3 'ts-import: evil.pt: a pickle that calls os.system, which could run code: refused; save the tensors alone (their state_dict), or as safetensors' \
        ts-import evil.pt
    { cat front && printf '\200\2\201.'; } >new.pt
    fails 3 'ts-import: new.pt: a pickle with the operation 0x81, which is not among the harmless ones that are known: refused' \
        ts-import new.pt
    { cat front && printf '\200\2}q\0X\1\0\0\0ah\0s.\200\2].'; } >loop.pt
    fails 3 'ts-import: loop.pt: its containers hold each other' ts-import loop.pt
    { cat front && printf '\200\2}'; } >cut.pt
    fails 4 'ts-import: cut.pt: the pickle ends early: truncated?' ts-import cut.pt
    { cat front && printf '\200\2}.\200\2].'; } >nothing.pt
    fails 3 'ts-import: nothing.pt: a PyTorch file without tensors' ts-import nothing.pt
    { cat front && printf '\200\2(l.\200\2].'; } >list.pt # of nothing, on a stack that had nothing
    fails 3 'ts-import: list.pt: a PyTorch file without tensors' ts-import list.pt
    { cat front && printf '\200\2.'; } >empty.pt
    fails 3 'ts-import: empty.pt: damaged pickle: it ends without a value' ts-import empty.pt
    for rest in NN '(N' 'N('; do
        { cat front && printf '\200\2%s.' "$rest"; } >more.pt
        fails 3 'ts-import: more.pt: damaged pickle: it ends with more on its stack than one value' \
            ts-import more.pt
    done
    # 100 calls make a dictionary of a list with the same pair 100 times
    { cat front && printf '\200\2(ccollections\nOrderedDict\nq\1K\1K\1\206q\2](' && printf 'h\2%.0s' $(seq 100) &&
        printf 'e\205q\3' && printf 'h\1h\3R%.0s' $(seq 100) && printf 'l.\200\2].'; } >copies.pt
    fails 3 'ts-import: copies.pt: damaged pickle: its calls copy the same items over and over' \
        ts-import copies.pt
    { cat front && printf '\200\2Nr\0\377\377\0.\200\2].' && head -c 16777216 /dev/zero; } >memo.pt
    fails 3 'ts-import: memo.pt: damaged pickle: a memo beyond its size' ts-import memo.pt
}

# byte_tensor KEY DIMS STRIDES: the call that makes a tensor of 3 bytes; DIMS and STRIDES as printf
# has them, as a pickle builds tuples
byte_tensor() {
    printf 'ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nByteStorage\nX\1\0\0\0%s' "$1"
    printf "X\3\0\0\0cpuK\3tQK\0$2$3tR"
}

@test "PyTorch files: the stride of a dimension of 1 may be anything" {
    cd "$T"
    { pickle_front && printf '\200\2' && byte_tensor a 'K\2K\1\206' 'K\2\212\10\377\377\377\377\377\377\377\177\206' &&
        printf '.\200\2]X\1\0\0\0aa.\3\0\0\0\0\0\0\0abc'; } >wide.pt
    says $'wide.0\n97\n99' sh -c 'ts-import wide.pt | ts-export -f csv'
}

@test "PyTorch files: many storages beside many values take no time" {
    cd "$T"
    # a list of 200000 numbers and two tensors, of which one is empty; keys: that of it 50000 times, and
    # that of the other
    { pickle_front && printf '\200\2(' && yes KK | tr -d '\n' | head -c 400000 &&
        byte_tensor a 'K\0\205' 'K\1\205' && byte_tensor b 'K\3\205' 'K\1\205' &&
        printf 'l.\200\2(X\1\0\0\0bX\1\0\0\0aq\1' && yes $'h\1' | tr -d '\n' | head -c 100000 &&
        printf 'l.\3\0\0\0\0\0\0\0xyz' && head -c 400008 /dev/zero; } >many.pt
    says $'200001\n120\n121\n122' sh -c 'timeout 20 ts-import -q many.pt | ts-export -n 200001 -f csv'
    { pickle_front && printf '\200\2].\200\2(X\1\0\0\0al.'; } >none.pt
    fails 3 'ts-import: none.pt: a storage that no tensor is in' ts-import none.pt
}

@test "the teachers score what their README says" {
    long_under_valgrind
    need_data data/models/stories260K
    cd "$T"
    models=$DATA/data/models
    ts-import -f raw --dtype u16 --shape 64,512 "$models/stories260K/sample-valid.u16" >valid.plumb
    ts-import "$models/stories260K/stories260K.bin" >teacher.plumb
    lin-eval --json teacher.plumb valid.plumb | grep -q '"nats_per_token": 1.2974'
    ts-export -f hf -o folder/ teacher.plumb
    lin-eval --json folder/ valid.plumb | grep -q '"nats_per_token": 1.2974'
}

@test "a tokenizer goes along, if it fits" {
    need_data data/models
    cd "$T"
    models=$DATA/data/models
    ts-import --tokenizer "$models/stories260K/tok512.bin" "$models/stories260K/stories260K.bin" >teacher.plumb
    ts-info teacher.plumb | grep -q '^tokenizer.json '
    fails 3 "ts-import: $models/babyllama105/model5000.bin: the tokenizer has 512 tokens, the model 105: it is another model's" \
        ts-import --tokenizer "$models/stories260K/tok512.bin" -o no.plumb "$models/babyllama105/model5000.bin"
    fails 2 "ts-import: --tokenizer: '$TOP/data/co2.csv' is no checkpoint of a language model" \
        ts-import --tokenizer "$models/stories260K/tok512.bin" -o no.plumb "$TOP/data/co2.csv"
    [ ! -e no.plumb ]
    ts-export -f hf -o folder teacher.plumb
    ts-import folder | ts-diff - teacher.plumb
    rm folder/tokenizer.json
    cp "$models/stories260K/tok512.model" folder/tokenizer.model
    ts-import folder | ts-info | grep -q '^tokenizer.json '
    fails 0 'ts-info: warning: folder/tokenizer.model is left out: ts-import --tokenizer takes it in' ts-info folder
    cp "$models/stories260K/tok512.model" bad.model
    sed -i 's/"vocab_size": 512/"vocab_size": 511/' folder/config.json
    run -3 ts-import -o no.plumb folder
    [ "$output" = "ts-import: folder: model.safetensors: tensor 'model.embed_tokens.weight' is [512, 64], config.json makes it [511, 64]" ]
    [ ! -e no.plumb ]
}

@test "a tokenizer where none belongs" {
    fails 2 'ts-import: --tokenizer goes with a checkpoint of a language model, not with --images' \
        ts-import --tokenizer tok.json --images "$TOP/data/digits-images.gz"
    fails 2 'ts-import: --tokenizer goes with a checkpoint of a language model, not with --model' \
        ts-import --tokenizer tok.json --model cnn weights.safetensors
}
