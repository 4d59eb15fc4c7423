/* CRC-32 with the zlib polynomial, by carry-less multiplication where the processor has it.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_CRC32_H
#define PL_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues crc (0 at the start) over size bytes; equal to zlib's crc32 for every input. */
uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t size);

#endif
