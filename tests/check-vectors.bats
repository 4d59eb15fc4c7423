# The program that checks reference vectors.
# SPDX-License-Identifier: MIT

load helper

setup() {
    CHECK=$B/double/check-vectors
}

# safetensors NAME: a file with one array of that name, f32 [2].
safetensors() {
    local header
    header=$(printf '{"%s":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' "$1")
    printf "\\x$(printf %x ${#header})\0\0\0\0\0\0\0%s\0\0\0\0\0\0\0\0" "$header"
}

@test "check-vectors: the linear forecasters agree with their reference" {
    need_data vectors/ltsf-linear
    mkdir "$T/vectors"
    ln -s "$(realpath "$DATA")/vectors/ltsf-linear" "$T/vectors/ltsf-linear"
    run "$CHECK" "$T/vectors"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} =~ ^"ok ltsf-linear "[0-9]+" arrays"$ ]]
    [ "${lines[1]}" = "1 passed, 0 failed, 0 todo" ]
}

@test "check-vectors: folders without a method, and methods that are to do" {
    local todo # one that is not built
    todo=$(sed -n 's/^"\(.*\)",$/\1/p' "$TOP/tests/vectors/todo.h" | tail -n 1)
    mkdir -p "$T/vectors/nonsense" "$T/vectors/$todo"
    run "$CHECK" "$T/vectors"
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "not ok nonsense is the name of no method" ]
    [ "${lines[1]}" = "todo $todo" ]
    [ "${lines[2]}" = "0 passed, 1 failed, 1 todo" ]
}

@test "check-vectors: in float, only what is trained in float" {
    mkdir -p "$T/vectors/nonsense" "$T/vectors/ltsf-linear"
    run "$B/check-vectors" "$T/vectors"
    [ "$status" -eq 0 ]
    [ "$output" = "0 passed, 0 failed, 0 todo (float)" ]
}

@test "check-vectors: arrays that are missing, or that nothing reads, are failures" {
    mkdir -p "$T/vectors/ltsf-linear"
    safetensors surprise >"$T/vectors/ltsf-linear/vectors.safetensors"
    run "$CHECK" "$T/vectors"
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "not ok ltsf-linear no array 'x' (and "*" more)" ]]
    need_data vectors/ltsf-linear
    cp "$DATA"/vectors/ltsf-linear/vectors.safetensors "$T/vectors/ltsf-linear/"
    safetensors surprise >"$T/vectors/ltsf-linear/more.safetensors"
    run "$CHECK" "$T/vectors"
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "not ok ltsf-linear "*"'surprise'"* ]]
}

@test "check-vectors: an empty folder, no folder, no argument" {
    mkdir "$T/empty"
    run "$CHECK" "$T/empty"
    [ "$status" -eq 3 ]
    run "$CHECK" "$T/absent"
    [ "$status" -eq 3 ]
    run "$CHECK"
    [ "$status" -eq 2 ]
}
