/* CRC-32 with the zlib polynomial.
 * SPDX-License-Identifier: MIT */
#include "base/crc32.h"

#include <zlib.h>

uint32_t pl_crc32(uint32_t crc, const void *bytes, size_t size)
{
    /* zlib reads NULL as a request for the initial value */
    return size ? (uint32_t)crc32_z(crc, bytes, size) : crc;
}
