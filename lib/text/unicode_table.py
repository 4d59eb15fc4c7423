#!/usr/bin/env python3
"""Writes what tokenizers need of Unicode, from Python's unicodedata.
usage: unicode_table.py classes > unicode_table.h; unicode_table.py nfc > nfc_table.h"""
# SPDX-License-Identifier: MIT
import sys
import unicodedata

SPACES = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
          0x202F, 0x205F, 0x3000}  # White_Space of PropList.txt
CODES = range(sys.maxunicode + 1)


def class_of(code):
    if code in SPACES:
        return 3
    return {"L": 1, "N": 2}.get(unicodedata.category(chr(code))[0], 0)


def starts(value, bits):
    """Where runs of equal values start: code << bits | value."""
    last = None
    for code in CODES:
        if value(code) != last:
            last = value(code)
            yield code << bits | last


def decompositions():
    """(code, first, second): second is 0 in a singleton, + 1 << 31 if the two do not compose."""
    for code in CODES:
        parts = unicodedata.decomposition(chr(code)).split()
        if parts and not parts[0].startswith("<"):
            first, second = int(parts[0], 16), int(parts[1], 16) if parts[1:] else 0
            joined = unicodedata.normalize("NFC", chr(first) + chr(second))
            yield code, first, second | (second > 0 and joined != chr(code)) << 31


def table(name, comment, values):
    print(f"\n/* {comment} */\nstatic const uint32_t {name}[] = {{")
    line = "   "
    for value in values:
        if len(line) + len(hex(value)) + 2 > 100:
            print(line)
            line = "   "
        line += f" {value:#x},"
    print(line + "\n};")


what = sys.argv[1]
guard = {"classes": "PL_TEXT_UNICODE_TABLE_H", "nfc": "PL_TEXT_NFC_TABLE_H"}[what]
print(f"""/* Facts of Unicode {unicodedata.unidata_version}, made by unicode_table.py {what}.
 * SPDX-License-Identifier: MIT */
#ifndef {guard}
#define {guard}

#include <stdint.h>

/* clang-format off */""")
if what == "classes":
    table("pl_class_starts", "General categories L and N, property White_Space: code << 2 | enum "
          "pl_class\n * where runs of one class start, ascending.", starts(class_of, 2))
else:
    found = list(decompositions())
    table("pl_combining_starts", "Canonical combining classes: code << 8 | class where runs of one "
          "class start.", starts(lambda code: unicodedata.combining(chr(code)), 8))
    table("pl_joining", "Second characters of pairs that are of class 0.",
          sorted({row[2] for row in found if 0 < row[2] < 1 << 31 and
                  not unicodedata.combining(chr(row[2]))}))
    table("pl_singletons", "Code, and the one that it is canonically.",
          [value for row in found if not row[2] for value in row[:2]])
    table("pl_pairs", "Code, and the two that it is canonically; the second + 1 << 31 when they do "
          "not compose.", [value for row in found if row[2] for value in row])
print("/* clang-format on */\n\n#endif")
