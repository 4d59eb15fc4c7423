/* The elements of time patterns.
 * SPDX-License-Identifier: MIT
 *
 * Inner header of what reads and guesses time stamps. */
#ifndef PL_FORMATS_TIME_ELEMENT_H
#define PL_FORMATS_TIME_ELEMENT_H

#include "formats/time_pattern.h"

/* One element of a pattern: a field, or a byte that stands for itself. */
struct pl_time_element {
    char field; /* the letter behind the %, 0 for a byte */
    char byte;
    bool unpadded;
    bool colon;
    int digits; /* of the fraction in %3S; 0: any */
};

/* Takes one element off the pattern; false at its end and at a field that is not known. */
bool pl_time_element_next(const char **pattern, struct pl_time_element *element);

/* A pattern taken apart once, for reading many texts. */
struct pl_time_reader {
    int64_t scale; /* of a count since 1970, in nanoseconds; 0: the elements count */
    int count;
    struct pl_time_element elements[PL_TIME_PATTERN_SIZE];
};

void pl_time_reader_init(struct pl_time_reader *reader, const char *pattern);

/* As pl_time_pattern_parse. */
bool pl_time_read(const struct pl_time_reader *reader, const char *text, size_t size,
                  int64_t *nanoseconds, int *zone_minutes);

#endif
