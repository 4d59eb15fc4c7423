# Pictures and sounds: PNG, PGM, PPM and WAV in and out.
# SPDX-License-Identifier: MIT
load helper

setup() {
    cd "$TOP/tests/hostile"
}

# values TENSOR [STREAM]: its elements in one line
values() {
    ts-export -f npy -n "$1" "${2:--}" | ts-import | ts-export --no-header | tr ',\n' '  ' | sed 's/ $//'
}

# elements STREAM SIZE: the last SIZE bytes of its one tensor, in hexadecimal
elements() {
    ts-export -f npy "$1" | tail -c "$2" | od -A n -v -t x1
}

@test "one picture: any number of channels, both depths, PNG and PPM" {
    bytes=$(awk 'BEGIN { for (i = 0; i < 128; i++) printf "\\%03o", (i * 7) % 256 }')
    for picture in "u8 3,4 12" "u8 5,2,2 20" "u8 5,7,3 105" "u8 2,3,4 24" "u16 3,5 30" \
        "u16 2,3,2 24" "u16 4,3,3 72" "u16 2,3,4 48"; do
        set -- $picture
        printf "$bytes" | head -c "$3" |
            ts-import -f raw --dtype "$1" --shape "$2" --name picture >"$T/picture"
        ts-export -f png "$T/picture" | ts-import >"$T/back"
        says "$(elements "$T/picture" "$3")" elements "$T/back" "$3"
        case $2 in *,*,2 | *,*,4) continue ;; esac
        ts-export -f ppm "$T/picture" | ts-import | ts-diff - "$T/back"
    done
    fails 3 "ts-export: tensor 'picture': PPM has no transparency (PNG has; ts-select --slice cuts)" \
        ts-export -f ppm "$T/picture"
}

@test "PNG: a palette with a transparent colour, one bit a sample, interlaced" {
    says '255 0 0 0 0 255 0 255 255 0 0 0' \
        values images <(ts-import palette.png | ts-select --slice 'images[0,0,:,:]')
    says '255 0 0 255' values images <(ts-import interlaced.png | ts-select --slice 'images[0,:,:,0]')
}

@test "text, bytes, comments, any maxval" {
    says '0 85 170 255' values images <(ts-import text.pgm | ts-select --slice 'images[0,:,:,0]')
    says '0 65535 32768 66' values images <(ts-import wide.pgm | ts-select --slice 'images[0,:,:,0]')
    says '82 71 66 114 103 98' values images <(ts-import pixels.ppm | ts-select --slice 'images[0,0,:,:]')
    ts-import pixels.ppm >"$T/file"
    { printf P; sleep 0.1; printf '6'; sleep 0.1; tail -c +3 pixels.ppm; } | ts-import - | ts-diff - "$T/file"
    gzip -c pixels.ppm | ts-import | ts-diff - "$T/file"
}

@test "a table is a table though its column is called P2" {
    printf 'P2\n3\n2\n15\n' | ts-import | ts-info --json | grep -q '"values"'
    printf 'P5,x\n3,1\n' | ts-import | ts-info --json | grep -q '"values"'
}

@test "several pictures: one tensor with names when equal, else a tensor each; a table between" {
    mkdir "$T/a" && cp pixels.ppm "$T/a/first.ppm" && ts-export -f png pixels.ppm >"$T/a/longer-name.png"
    ts-import "$T"/a/* >"$T/equal.plumb"
    ts-info --json "$T/equal.plumb" | jq -c '[.kind, (.tensors[] | [.name, .shape])]' |
        says '["images",["images",[2,1,2,3]],["images.names",[2,11]]]' cat
    ts-select --rows 1:2 "$T/equal.plumb" | ts-export -f npy -n images.names | tail -c 11 | says longer-name cat
    ts-import pixels.ppm text.pgm <(cat pixels.ppm) >"$T/unequal.plumb"
    ts-info --json "$T/unequal.plumb" | jq -c '[.tensors[] | [.name, .shape]]' |
        says '[["pixels",[1,2,3]],["text",[2,2,1]],["63",[1,2,3]]]' cat
    ts-import pixels.ppm "$TOP/data/co2.csv" text.pgm | ts-info --json | jq -r .kind | paste -s -d ' ' |
        says 'images series images' cat
    fails 3 "ts-import: $T/none: 'pixels': a second tensor of this name in one segment" \
        ts-import pixels.ppm text.pgm pixels.ppm -o "$T/none"
    [ ! -e "$T/none" ]
    says RGBrgb sh -c "ts-export -f ppm -n pixels '$T/unequal.plumb' | tail -n 1"
    fails 3 "ts-export: tensor 'images' holds 2 pictures, and PNG one (ts-select --rows 0:1 takes the first)" \
        ts-export -f png "$T/equal.plumb"
}

@test "what is no picture is not exported" {
    fails 3 "ts-export: tensor 'values', f64 [2284, 1], is no picture: that is u8 or u16 [height, width, up to 4 channels]" \
        ts-export -f png -n values "$TOP/data/co2.csv"
    fails 3 "ts-export: tensor 'values', f64 of rank 2, is no sound: that is i16 or f32 [samples, channels]" \
        ts-export -f wav -n values --rate 8000 "$TOP/data/co2.csv"
}

@test "WAV: 8, 16, 24, 32 bits, floats of 32 and 64; extensible; odd chunks" {
    u8() { printf "\\$(printf %03o $(($1 & 255)))"; }
    u16() { u8 "$1"; u8 $(($1 >> 8)); }
    u32() { u16 "$1"; u16 $(($1 >> 16)); }
    # wav KIND BITS DATA: one channel at 8000 Hz
    wav() {
        printf 'RIFF\0\0\0\0WAVEfmt '; u32 16; u16 "$1"; u16 1; u32 8000; u32 $((8000 * $2 / 8)); u16 $(($2 / 8)); u16 "$2"
        printf data; u32 "$(printf "$3" | wc -c)"; printf "$3"
    }
    audio() { ts-import | values audio; }
    wav 1 8 '\0\200\377' | audio | says '-32768 0 32512' cat
    wav 1 16 '\0\200\377\177' | audio | says '-32768 32767' cat
    wav 1 24 '\0\0\200\0\0\100' | audio | says '-1 0.5' cat
    wav 1 32 '\0\0\0\200\0\0\0\40' | audio | says '-1 0.25' cat
    wav 3 32 '\0\0\200\77\0\0\0\300' | audio | says '1 -2' cat
    wav 3 64 '\0\0\0\0\0\0\360\77' | audio | says 1 cat
    { printf 'RIFF\0\0\0\0WAVEfmt '; u32 40; u16 65534; u16 1; u32 8000; u32 16000; u16 2; u16 16; u16 22; u16 16; u32 4
      u16 1; printf '\0\0\0\0\20\0\200\0\0\252\0\70\233\161'; printf data; u32 2; printf '\1\0'; } | audio | says 1 cat
    audio <odd-chunk.wav | says '-32768 32767' cat
    ts-import bytes.wav | ts-info --json | jq -c '.tensors[].shape' | says '[2,2]' cat
    cat endless.wav | audio | says 1 cat
    wav 1 16 '' | ts-import | ts-info --json | jq -c '.tensors[].shape' | says '[0,1]' cat
}

@test "sounds: a tensor each, one rate; out again byte for byte" {
    mkdir "$T/s"
    ts-import -f raw --dtype i16 --shape 4,2 --name a <(printf 'abcdefghijklmnop') >"$T/raw.plumb"
    fails 3 "ts-export: $T/raw.plumb: the stream tells no rate: --rate does" ts-export -f wav "$T/raw.plumb"
    ts-export -f wav --rate 8000 "$T/raw.plumb" >"$T/s/a.wav"
    ts-export -f wav --rate 8000 "$T/raw.plumb" >"$T/s/b.wav"
    ts-export -f wav --rate 9000 "$T/raw.plumb" >"$T/s/c.wav"
    ts-import "$T/s/a.wav" "$T/s/b.wav" | tee "$T/two.plumb" | ts-info --json |
        jq -c '[.kind, .tensors[].name]' | says '["audio","a","b"]' cat
    ts-export -f wav -n b "$T/two.plumb" | cmp - "$T/s/b.wav"
    ts-export -f wav "$T/s/a.wav" | cmp - "$T/s/a.wav"
    fails 3 "ts-export: $T/two.plumb: WAV holds one tensor, and here are 'a', 'b' (-n picks one)" \
        ts-export -f wav "$T/two.plumb"
    fails 3 "ts-import: $T/s/c.wav: has 9000 samples a second, the first sound has 8000 (import it apart, or sox resamples)" \
        ts-import "$T"/s/*.wav -o "$T/none"
    [ ! -e "$T/none" ]
    ts-select --cast f32:a "$T/raw.plumb" | ts-export -f wav --rate 8000 | ts-import | ts-info --json |
        jq -r '.tensors[].dtype' | says f32 cat
}

@test "cut short anywhere, a picture and a sound are incomplete" {
    for file in pixel.png pixels.ppm odd-chunk.wav; do
        size=$(stat -c %s $file)
        for part in $((size - 1)) $((size - 5)) $((size * 7 / 8)); do
            status=0
            head -c $part $file | ts-import -q -o "$T/none" 2>"$T/err" || status=$?
            [ $status = 4 ] || { echo "$file: $part of $size bytes: $status"; cat "$T/err"; return 1; }
        done
    done
}

@test "photographs and speech come back as they were" {
    need_data data/images/kodim23.png data/audio/0_george_5.wav
    cd "$DATA/data"
    ts-import --no-history images/kodim23.png >"$T/photo"
    ts-export -f png "$T/photo" | ts-import | ts-diff - "$T/photo"
    ts-export -f ppm "$T/photo" | ts-import | ts-diff - "$T/photo"
    ts-export -f wav audio/0_george_5.wav | cmp - audio/0_george_5.wav
    says 200 jq .tensor_count <(ts-import audio/*.wav | ts-info --json | jq '{tensor_count: (.tensors | length)}')
}
