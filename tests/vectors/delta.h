/* Vectors of the delta rule's operation, of deltanet and of deltaproduct.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_VECTORS_DELTA_H
#define PL_TESTS_VECTORS_DELTA_H

#include "vectors.h"

/* Checks a file of the operation (q, k, v, beta, g if there, h0, do, dht and what comes of them; q
 * and k are brought to length 1 inside) at several chunk sizes. */
void check_delta(struct vectors *vectors, const char *file);

#endif
