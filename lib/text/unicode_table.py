#!/usr/bin/env python3
"""Writes unicode_table.h: the classes of Unicode that tokenizers tell apart, from Python's
unicodedata.  usage: unicode_table.py > unicode_table.h"""
# SPDX-License-Identifier: MIT
import sys
import unicodedata

SPACES = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
          0x202F, 0x205F, 0x3000}  # White_Space of PropList.txt


def class_of(code):
    if code in SPACES:
        return 3
    return {"L": 1, "N": 2}.get(unicodedata.category(chr(code))[0], 0)


starts, last = [], None
for code in range(sys.maxunicode + 1):
    if class_of(code) != last:
        last = class_of(code)
        starts.append(f"0x{code << 2 | last:x}")

print(f"""/* Where runs of characters of one class start: code << 2 | enum pl_class, ascending.
 * SPDX-License-Identifier: MIT
 *
 * Unicode {unicodedata.unidata_version}: general categories L and N, property White_Space.  Made by unicode_table.py. */
#ifndef PL_TEXT_UNICODE_TABLE_H
#define PL_TEXT_UNICODE_TABLE_H

#include <stdint.h>

/* clang-format off */
static const uint32_t pl_class_starts[] = {{""")
line = "   "
for start in starts:
    if len(line) + len(start) + 2 > 100:
        print(line)
        line = "   "
    line += " " + start + ","
print(line)
print("};\n/* clang-format on */\n\n#endif")
