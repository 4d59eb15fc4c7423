# img-corrupt: pictures made worse.
# SPDX-License-Identifier: MIT
load helper

setup() {
    cd "$T"
    ts-import --images "$TOP/data/digits-images.gz" --labels "$TOP/data/digits-labels.gz" -o digits.plumb
}

@test "every type: labels stay, pictures change, the same for any number of threads" {
    for type in gaussian_noise shot_noise impulse_noise speckle_noise gaussian_blur defocus_blur \
        glass_blur motion_blur zoom_blur snow frost fog brightness contrast spatter \
        elastic_transform pixelate jpeg_compression; do
        img-corrupt -j 1 --no-history --type $type digits.plumb -o one.plumb
        cat digits.plumb | img-corrupt -j 3 --no-history --type $type | cmp - one.plumb
        ts-diff -q <(ts-select -n labels digits.plumb) <(ts-select -n labels one.plumb)
        ! ts-diff -q digits.plumb one.plumb || { echo "$type changes nothing"; return 1; }
    done
}

@test "chance is the seed's; an amount is in place of a severity" {
    img-corrupt --type gaussian_noise --no-history digits.plumb -o a.plumb
    img-corrupt --type gaussian_noise --severity 3 --no-history digits.plumb | cmp - a.plumb
    img-corrupt --type gaussian_noise --amount 0.08 --no-history digits.plumb | cmp - a.plumb
    ! img-corrupt --type gaussian_noise --seed 1 digits.plumb | ts-diff -q - a.plumb || return 1
    img-corrupt --type gaussian_noise --amount 0 digits.plumb | ts-diff - digits.plumb
    img-corrupt --type saturate digits.plumb | ts-diff - digits.plumb # grey has no colour
}

@test "other pictures, several segments, history" {
    printf 'P3 2 2 255 200 100 50 0 0 0 255 255 255 9 8 7' >small.ppm
    printf 'P2 3 1 255 10 20 30' >wide.pgm
    ts-import small.ppm wide.pgm | img-corrupt --type brightness --amount 0.2 |
        ts-info | grep -q '^small *u8 *\[2, 2, 3\]'
    cat digits.plumb digits.plumb | img-corrupt --type shot_noise -o two.plumb
    ts-check two.plumb | grep -q 'ok, 2 segments, 4 tensors'
    ! ts-diff -q <(ts-select --segment 1 two.plumb) <(ts-select --segment 2 two.plumb) || return 1
    img-corrupt --type fog --severity 5 digits.plumb -o fog.plumb
    ts-info --history fog.plumb | sh | ts-diff - fog.plumb
}

@test "no pictures, pictures without pixels, and large ones" {
    for shape in 0,28,28,1 2,1000000,1000000,0; do
        ts-import -f raw --name images --dtype u8 --shape $shape /dev/null -o none.plumb
        img-corrupt --type fog none.plumb -o same.plumb
        ts-diff none.plumb same.plumb
    done
    ts-import -f raw --name small --dtype u8 --shape 0,28,1 /dev/null | img-corrupt --type fog | ts-check >/dev/null
    # one picture takes no more memory than itself and what it is worked on in
    { printf 'P6 1500 1000 255\n' && head -c 4500000 /dev/zero; } | ts-import -o large.plumb
    ([ "$CHECKER" ] || ulimit -v 700000; img-corrupt -j 64 --type brightness large.plumb -o light.plumb)
    says 38 sh -c "ts-export -f npy light.plumb | tail -c 1 | od -An -tu1 | xargs"
}

@test "what is refused" {
    fails 2 'img-corrupt: --type is needed' img-corrupt digits.plumb
    fails 2 'img-corrupt: --amount: 2: the amount of impulse_noise is the share of values, between 0 and 1' \
        img-corrupt --type impulse_noise --amount 2 digits.plumb
    fails 2 'img-corrupt: --severity and --amount both say how bad: give one' \
        img-corrupt --type fog --severity 5 --amount 0.1 digits.plumb
    fails 3 "img-corrupt: $TOP/data/co2.csv: expected pictures of bytes (kind images), found a stream of kind series" \
        img-corrupt --type fog "$TOP/data/co2.csv"
}

@test "light and blur as in corrupted pictures from elsewhere" {
    need_data data/vision/models/rws/test2000_contrast-images-idx3-ubyte.gz
    local rws=$DATA/data/vision/models/rws mnist=$DATA/data/vision/mnist
    ts-import --images $mnist/t10k-images-idx3-ubyte.gz | ts-select --head 2000 -o clean.plumb
    for test in 'contrast 0.1' 'brightness 0.6' 'gaussian_blur 2.2'; do
        set -- $test
        img-corrupt --type $1 --amount $2 clean.plumb |
            ts-diff - <(ts-import --images $rws/test2000_$1-images-idx3-ubyte.gz)
    done
}
