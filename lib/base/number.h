/* Numbers to text and back, the same in every locale.
 * SPDX-License-Identifier: MIT */
#ifndef PL_BASE_NUMBER_H
#define PL_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each parses the whole of text[0..size) (no NUL needed, no blanks around) and returns whether it
 * was a number in range.  Doubles are correctly rounded and take nan, inf and -inf in any case. */
bool pl_parse_double(const char *text, size_t size, double *out);

/* Reads the decimal number at the start of text[0..size), as long as it goes, with `point` before
 * its fraction; correctly rounded.  Returns its length; 0 when there is none or it is too large.
 * Words (nan, inf) are not numbers here. */
size_t pl_scan_double(const char *text, size_t size, char point, double *out);

/* The double nearest to number * 10^power; infinity when it is too large. */
double pl_decimal(uint64_t number, int64_t power);

/* Decimal digits, with a sign before them or without. */
bool pl_parse_int64(const char *text, size_t size, int64_t *out);
bool pl_parse_uint64(const char *text, size_t size, uint64_t *out);

/* A byte count such as 512, 64K, 1.5G, 2GiB (powers of 1024). */
bool pl_parse_bytes(const char *text, size_t size, uint64_t *out);

#define PL_NUMBER_SIZE 32

/* Writes the shortest text that reads back as the same value, NUL behind, and returns its length:
 * 0.1, 12, 1e+22, nan, -inf. */
size_t pl_format_double(char out[PL_NUMBER_SIZE], double value);
size_t pl_format_float(char out[PL_NUMBER_SIZE], float value);

/* "1.5 GiB", for people. */
size_t pl_format_bytes(char out[PL_NUMBER_SIZE], uint64_t bytes);

#endif
