# tok-train, tok-encode, tok-decode: there and back, vocabularies, what the streams say.
# SPDX-License-Identifier: MIT
load helper

setup() {
    cd "$T"
    # every byte, CRLF, blanks in all places, letters of several scripts, no newline at the end
    { cat "$TOP/README.md"; printf 'a\r\n\r\n  b\t\tc  \303\251 \346\274\242\345\255\227 \360\237\231\202 \xff\xfe'
        awk 'BEGIN { for (i = 1; i < 256; i++) printf "%c", i }'; printf 'x\0y  '; } >text
}

# train_encode_decode OPTION...: the text comes back from a tokenizer of its own
there_and_back() {
    tok-train -q "$@" text -o t.json && tok-encode t.json text -o t.plumb && ts-check -q t.plumb &&
        tok-decode t.plumb | cmp - text
}

@test "every text comes back, whatever the vocabulary" {
    there_and_back
    there_and_back --vocab 256
    there_and_back --vocab 700
    there_and_back --alphabet
    there_and_back --alphabet --vocab 400
    printf x >text && there_and_back
    printf '\377' >text && there_and_back --alphabet
}

@test "the alphabet: the bytes that occur, in their order" {
    printf 'b a\nb' >text
    says "tok-train: 4 pieces, 0 merges, from 5 bytes, 3 different words; 1.00 bytes a token" \
        sh -c 'tok-train --alphabet text -o t.json 2>&1'
    tok-encode t.json text | ts-select -n tokens | ts-export -f csv | tail -n +2 >ids
    says "$(printf '%s\n' 3 1 2 0 3)" cat ids
    need_data data/text/tinyshakespeare.txt
    tok-train -q --alphabet "$DATA/data/text/tinyshakespeare.txt" | tok-encode - text -o s.plumb
    says 'vocabulary: 65' ts-info --meta tokens s.plumb
}

@test "merges: the most frequent pair first, of equals the lower; a run from the left" {
    printf 'abab abab cdc' >text # a, b, c, d, blank and two more
    tok-train -q --alphabet --vocab 7 text -o t.json
    says '"merges": ["a b", "ab ab"]' \
        sh -c "tr -d '\n' <t.json | grep -o '\"merges\": .*\\]' | sed 's/  */ /g; s/\\[ /[/; s/ \\]/]/'"
    printf 'aaaaa' >text
    tok-train -q --alphabet --vocab 2 text -o t.json
    says "$(printf '%s\n' 1 1 0)" sh -c 'tok-encode t.json text | ts-select -n tokens | ts-export -f csv | tail -n +2'
    says "tok-train: 2 pieces, 1 merges, from 5 bytes, 1 different words; 1.67 bytes a token
tok-train: fewer than 9 pieces: no other pair comes twice in the text" \
        sh -c 'tok-train --alphabet --vocab 9 text 2>&1 >/dev/null'
}

@test "training counts as many tokens as encoding gives" {
    per_token=$(tok-train --vocab 1000 text -o t.json 2>&1 | sed 's/.*; \(.*\) bytes.*/\1/')
    tok-encode t.json text | ts-select -n tokens | ts-export -f csv | awk -v size="$(wc -c <text)" -v said="$per_token" '
        END { d = size / (NR - 1) - said; exit !(d < 0.01 && d > -0.01) }'
}

@test "several texts, gzip, standard input" {
    head -c 3000 text >one && tail -c +3001 text | gzip >two.gz
    tok-train -q --vocab 300 one two.gz -o t.json
    tok-train -q --vocab 300 <text | tok-encode --no-history - text | ts-check -q
    tok-encode t.json two.gz | tok-decode | cmp - <(tail -c +3001 text)
    cat text | tok-encode --no-history t.json >piped
    tok-encode --no-history t.json - <text | cmp - piped
    tok-encode --no-history t.json text | cmp - piped
}

@test "the smallest type, the documents, the history" {
    tok-train -q --vocab 256 text -o t.json
    tok-encode t.json text | ts-info | grep -q '^tokens  *u8 '
    tok-train -q --vocab 257 text -o t.json
    tok-encode t.json text -o t.plumb
    ts-info t.plumb | grep -q '^tokens  *u16 '
    says 'vocabulary: 257' ts-info --meta tokens t.plumb
    says 'kind: tokens' ts-info --meta stream t.plumb
    ts-info --history t.plumb | grep -q '^tok-encode t.json text$'
    tok-encode t.plumb text | ts-diff t.plumb -
}

@test "a long text comes in chunks, in little memory, the same through a pipe" {
    for i in $(seq 100); do cat text; done >long
    tok-train -q --alphabet long -o t.json
    /usr/bin/time -f %M -o memory tok-encode --no-history t.json long -o t.plumb
    ts-info t.plumb | grep -q 'raw, [3-9] chunks'
    cat long | tok-encode --no-history t.json | cmp - t.plumb
    tok-decode t.plumb | cmp - long
    [ -n "$CHECKER" ] || [ "$(cat memory)" -lt 20000 ]
}

@test "rows end with a newline; tokens without a tokenizer take one by name" {
    printf 'abab' >text
    tok-train -q --alphabet --vocab 3 text -o t.json
    printf '\000\001\002\000' | ts-import -f raw --dtype u8 --shape 2,2 - -o rows.plumb
    says "$(printf 'ab\naba')" tok-decode t.json rows.plumb
    says "$(printf 'ab\naba')" sh -c 'tok-decode t.json <rows.plumb'
    fails 2 "tok-decode: rows.plumb: holds no tokenizer, and none is given (tok-decode TOKENIZER FILE)" tok-decode rows.plumb
    printf '\000\003' | ts-import -f raw --dtype u8 --shape 2 - -o bad.plumb
    fails 3 "tok-decode: bad.plumb: offset 1: token 3 is not in the vocabulary of 3" tok-decode t.json bad.plumb
}

@test "what is refused" {
    fails 2 "tok-train: a vocabulary of 100: there are 256 bytes (--alphabet takes those that occur)" \
        tok-train --vocab 100 text
    fails 2 "tok-train: a vocabulary of 100: there are 256 bytes" tok-train --vocab 100 --alphabet text
    fails 4 "tok-train: standard input: the input is empty" sh -c 'tok-train </dev/null'
    printf ab >text && tok-train -q --alphabet text -o t.json
    fails 3 "tok-encode: standard input: byte 2: the tokenizer has no piece for 'c'" \
        sh -c 'printf abc | tok-encode t.json -o out.plumb'
    [ ! -e out.plumb ]
    fails 2 "tok-encode: standard input is the tokenizer: the text must have a name" tok-encode - -
    fails 3 "tok-encode: text: not a tokenizer: neither tokenizer.json nor a whole tokenizer.model or tokenizer.bin" \
        tok-encode text text
    fails 3 "tok-encode: .: a folder without tokenizer.json or tokenizer.model" tok-encode . text
    fails 5 "tok-encode: cannot open 'none.json': No such file or directory" tok-encode none.json text
    lin-task copy --rows 2 -o copy.plumb
    fails 3 "tok-encode: copy.plumb: holds no tokenizer (tok-train makes one)" tok-encode copy.plumb text
    fails 3 "tok-decode: standard input: expected tokens, found a text" sh -c 'tok-decode <text'
    fails 3 "tok-encode: copy.plumb: expected a text, found tensors" tok-encode t.json copy.plumb
}

@test "SentencePiece: the models of the test data, as .model and as .bin" {
    need_data data/models/stories260K/tok512.bin
    M=$DATA/data/models
    printf 'Once upon a time, there' >text
    for tokenizer in $M/stories260K/tok512.bin $M/stories260K/tok512.model; do
        tok-encode --no-history $tokenizer text -o t.plumb
        says '1,403,407,261,378,432,383,' sh -c \
            'ts-select -n tokens t.plumb | ts-export -f csv | tail -n +2 | tr "\n" ,'
        says "$(printf '%s\n' 'vocabulary: 512' 'bos: 1' 'eos: 2')" ts-info --meta tokens t.plumb
        cp t.plumb "$(basename $tokenizer).plumb"
    done
    cmp tok512.bin.plumb tok512.model.plumb
    tok-encode --bare $M/stories260K/tok512.bin text | ts-info | grep -q '^tokens .*\[6\]'
    says '<s>Once upon a time, there' tok-decode --specials t.plumb
    printf ' \303\251\t\346\274\242 \360\237\231\202  x \r\n\xff ' >text
    tok-encode $M/stories260K/tok512.bin text | tok-decode | cmp - text
    fails 0 "tok-encode: warning: the model of this tokenizer asks for runs of spaces to be squeezed, which would lose them: they are kept" \
        tok-encode $M/stories260K/tok512.model text -o t.plumb
    printf 'a \346\274\242\346\274\242b' >text
    says 0 sh -c "tok-encode --bare $M/babyllama105/tok105.model text | ts-select -n tokens |
        ts-export -f csv | tail -n 2 | head -n 1"
}
