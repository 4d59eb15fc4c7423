/* The elements of time patterns.
 * SPDX-License-Identifier: MIT
 *
 * Inner header, between time_pattern.c and time_guess.c. */
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

#endif
