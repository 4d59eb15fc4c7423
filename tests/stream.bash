# Streams made record by record, without the programs under test: `load stream`.
# SPDX-License-Identifier: MIT
#
#   start FILE                    begins a stream; further segments follow an `end`
#   record MAPPING [PAYLOAD]      appends a record; PAYLOAD is printf %b text, and ", bytes: N" is
#                                 added to the mapping for it
#   end                           appends the end record
#
# Example:  start a.plumb; record 'tensor: w, dtype: u8, shape: [3], codec: raw' abc; end

# CRC-32 of standard input, as gzip computes it: 8 hex digits.
crc() {
    gzip -c | tail -c 8 | head -c 4 | od -An -tu1 | awk '{ printf "%02x%02x%02x%02x", $4, $3, $2, $1 }'
}

start() {
    STREAM=$1
    : >"$STREAM"
    segment
}

segment() {
    RECORDS=0 SIZE=0
    : >"$STREAM.crcs"
}

# header TEXT: the text with its CRC, 64 * k bytes; notes the CRC for the end record.
header() {
    local size
    size=$(((${#1} + 11 + 63) / 64 * 64))
    printf '%-*s' $((size - 10)) "$1" >"$STREAM.header"
    local sum
    sum=$(crc <"$STREAM.header")
    { cat "$STREAM.header" && printf '#%s\n' "$sum"; } >>"$STREAM"
    printf %s "$sum" >>"$STREAM.crcs"
    SIZE=$((SIZE + size))
}

record() {
    local bytes pad sum
    RECORDS=$((RECORDS + 1))
    if [ $# -eq 1 ]; then
        header "--- !plumbline1 {$1}"
        return
    fi
    printf %b "$2" >"$STREAM.payload"
    bytes=$(wc -c <"$STREAM.payload")
    header "--- !plumbline1 {$1, bytes: $bytes}"
    pad=$(((64 - (bytes + 16) % 64) % 64))
    sum=$(crc <"$STREAM.payload")
    { cat "$STREAM.payload" && head -c $pad /dev/zero && printf '\n# end %s\n' "$sum"; } >>"$STREAM"
    printf %s "$sum" >>"$STREAM.crcs"
    SIZE=$((SIZE + bytes + pad + 16))
}

end() {
    local sum
    sum=$(crc <"$STREAM.crcs")
    header "--- !plumbline1 {end: $RECORDS, size: $SIZE, sum: x$sum}"
    segment
}
