#!/bin/sh
# The demo: a week of bike hires in Washington, forecast from the hours before, and then compared
# with what happened.  `make demo` builds the programs and runs this.
# SPDX-License-Identifier: MIT
set -e
cd "$(dirname "$0")/.."
B=${B:-build}
PATH=$PWD/$B/bin:$PATH
work=$B/demo
mkdir -p "$work"

say() {
    printf '\n%s\n' "$*"
}

# Shows a command and runs it.  Where this script's output is no terminal, the command still gets
# one (from script(1)), so that it prints tables for readers and not streams for programs.
show() {
    printf '\n$ %s\n' "$1"
    if [ -t 1 ] || ! command -v script >/dev/null; then
        sh -e -c "$1"
    else
        NO_COLOR=1 LC_ALL=C.UTF-8 script -qec "$1" /dev/null </dev/null | tr -d '\r'
    fi
}

say "The data: hires of the Capital Bikeshare, hour by hour. 165 hours are missing altogether.
Of the file's columns we take the count, and keep October 2012 and what follows back."
show "ts-import data/bike.csv.gz | ts-select -n cnt -o $work/all.plumb"
show "ts-select --head 15211 $work/all.plumb -o $work/past.plumb"
show "ts-info --stats $work/past.plumb"

say "The model: 168 hours, a week, from the 504 before them, in closed form.
The baselines repeat the last value and the last week."
show "lin-train -L 504 -H 168 --naive-season 168 --missing linear $work/past.plumb -o $work/model.plumb"

say "The back-test: the last twenty weeks one after the other, the model fitted anew before each."
show "lin-eval --folds 20 --refit --interval-method adaptive $work/model.plumb $work/past.plumb"

say "The forecast: the first week of October, with intervals."
show "lin-forecast --interval 80,95 $work/model.plumb $work/past.plumb -o $work/next.plumb"
show "lin-forecast --interval 80,95 -n 6 $work/model.plumb $work/past.plumb"

say "The picture, with what came true."
show "ts-plot --last 504 -f term --size 100x22 $work/next.plumb $work/all.plumb"
show "ts-plot --last 504 --size 1200x480 --title 'Bike hires an hour: a week ahead, and what came true' \\
    -o $B/demo.png $work/next.plumb $work/all.plumb"

say "Every file knows how it was made:"
show "ts-info --history $work/next.plumb"

say "The picture is in $B/demo.png. Where to go from here: README.md, and 'man man/man7/plumbline.7'."
