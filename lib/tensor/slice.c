/* Parts of tensors, taken as the elements stream by.
 * SPDX-License-Identifier: MIT
 *
 * Elements come in row-major order and each is looked at once.  Axes are of three sorts:
 *
 *     outer axes      the line              block axes
 *     any cut         last axis with a cut  wholly kept
 *     [0:10,          2:5,                  :, :]
 *
 * An odometer counts the places on the outer axes; it moves once a line.  Where one of its places
 * is not wanted the line is passed over.  Within a wanted line whole blocks are copied: one
 * memcpy for a plain range, one a block for a step or a list of places.  So the cost is that of
 * the copies plus one odometer step a line. */
#include "tensor/slice.h"

#include <string.h>

#include "base/memory.h"
#include "base/number.h"

bool pl_span_parse(const char *text, size_t size, struct pl_span *span)
{
    *span = (struct pl_span){.step = 1};
    const char *end = text + size;
    for (int part = 0; part < 3; part++) {
        const char *colon = memchr(text, ':', (size_t)(end - text));
        size_t length = (size_t)((colon ? colon : end) - text);
        int64_t *value = part == 0 ? &span->start : part == 1 ? &span->stop : &span->step;
        if (length > 0 && !pl_parse_int64(text, length, value))
            return false;
        span->has_start |= part == 0 && length > 0;
        span->has_stop |= part == 1 && length > 0;
        if (!colon) {
            span->single = part == 0;
            return span->step > 0 && (part > 0 || length > 0);
        }
        text = colon + 1;
    }
    return false;
}

bool pl_span_from_end(const struct pl_span *span)
{
    return (span->has_start && span->start < 0) || (span->has_stop && span->stop < 0);
}

bool pl_spans_parse(const char *text, size_t size, struct pl_span *spans, int *count)
{
    const char *end = text + size;
    for (*count = 0; *count < PL_MAX_RANK; text++) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t length = (size_t)((comma ? comma : end) - text);
        while (length > 0 && *text == ' ') {
            text++;
            length--;
        }
        if (!pl_span_parse(text, length, &spans[(*count)++]))
            return false;
        if (!comma)
            return true;
        text = comma;
    }
    return false;
}

void pl_slice_init(struct pl_slice *slice, enum pl_dtype dtype, int rank, const int64_t *dims)
{
    *slice = (struct pl_slice){.rank = rank, .item_size = pl_dtype_size(dtype)};
    for (int i = 0; i < rank; i++) {
        slice->dims[i] = dims[i];
        slice->axes[i] = (struct pl_axis){.step = 1, .count = dims[i] < 0 ? INT64_MAX : dims[i]};
    }
}

/* A numpy bound: negative counts from the end; clamped to 0..length. */
static int64_t bound(int64_t value, int64_t length)
{
    if (value < 0)
        value = value < -length ? 0 : value + length;
    return value < length ? value : length;
}

enum pl_status pl_slice_cut(struct pl_context *context, struct pl_slice *slice, int axis,
                            const struct pl_span *span)
{
    if (axis >= slice->rank)
        return pl_fail(context, PL_BAD_DATA, "range %d of a tensor of rank %d", axis + 1,
                       slice->rank);
    struct pl_axis *kept = &slice->axes[axis];
    int64_t length = slice->dims[axis];
    if (length < 0) {
        if (pl_span_from_end(span))
            return pl_fail(context, PL_BAD_DATA,
                           "a range from the end of an axis whose length is not known");
        length = INT64_MAX;
    }
    if (span->single) {
        int64_t place = span->start < 0 ? span->start + length : span->start;
        if (place < 0 || place >= length)
            return pl_fail(context, PL_BAD_DATA, "index %lld is outside axis %d of length %lld",
                           (long long)span->start, axis, (long long)length);
        *kept = (struct pl_axis){.first = place, .step = 1, .count = 1, .dropped = true};
        return PL_OK;
    }
    int64_t start = span->has_start ? bound(span->start, length) : 0;
    int64_t stop = span->has_stop ? bound(span->stop, length) : length;
    int64_t count = stop <= start ? 0 : (stop - start - 1) / span->step + 1;
    if (stop == INT64_MAX)
        count = INT64_MAX;
    *kept = (struct pl_axis){.first = start, .step = span->step, .count = count};
    return PL_OK;
}

void pl_slice_pick(struct pl_slice *slice, int axis, const int64_t *picks, int64_t count)
{
    slice->axes[axis] = (struct pl_axis){.step = 1, .count = count, .picks = picks};
}

static bool axis_is_whole(const struct pl_slice *slice, int axis)
{
    const struct pl_axis *kept = &slice->axes[axis];
    int64_t length = slice->dims[axis] < 0 ? INT64_MAX : slice->dims[axis];
    if (kept->count != length || kept->dropped)
        return false;
    return kept->picks || (kept->first == 0 && (kept->step == 1 || length <= 1));
}

bool pl_slice_is_whole(const struct pl_slice *slice)
{
    for (int i = 0; i < slice->rank; i++)
        if (!axis_is_whole(slice, i))
            return false;
    return true;
}

int pl_slice_shape(const struct pl_slice *slice, int64_t dims[PL_MAX_RANK])
{
    int rank = 0;
    for (int i = 0; i < slice->rank; i++) {
        if (slice->axes[i].dropped)
            continue;
        /* A range of an axis of unknown length may run past what comes. */
        dims[rank++] = slice->dims[i] < 0 ? -1 : slice->axes[i].count;
    }
    return rank;
}

/* Is this place of the axis kept? */
static bool keeps(const struct pl_axis *kept, int64_t place)
{
    if (kept->picks) {
        int64_t low = 0, high = kept->count;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (kept->picks[middle] < place)
                low = middle + 1;
            else
                high = middle;
        }
        return low < kept->count && kept->picks[low] == place;
    }
    int64_t distance = place - kept->first;
    return distance >= 0 && distance % kept->step == 0 && distance / kept->step < kept->count;
}

static void find_wanted(struct pl_slice *slice)
{
    slice->wanted = true;
    for (int i = 0; i < slice->line && slice->wanted; i++)
        slice->wanted = keeps(&slice->axes[i], slice->place[i]);
}

void pl_slice_start(struct pl_slice *slice)
{
    slice->line = slice->rank > 0 ? slice->rank - 1 : 0;
    slice->block = 1;
    /* A product overflows only beside an axis of length 0, and then no element comes. */
    while (slice->line > 0 && axis_is_whole(slice, slice->line))
        if (!pl_mul_int64(slice->block, slice->dims[slice->line--], &slice->block))
            slice->block = 0;
    int64_t length = slice->rank > 0 ? slice->dims[slice->line] : 1;
    slice->line_size = INT64_MAX;
    if (length >= 0 && !pl_mul_int64(length, slice->block, &slice->line_size))
        slice->line_size = 0;
    slice->position = 0;
    memset(slice->place, 0, sizeof slice->place);
    find_wanted(slice);
}

/* The next line: the last outer axis counts fastest. */
static void advance(struct pl_slice *slice)
{
    slice->position = 0;
    for (int i = slice->line - 1; i >= 0; i--) {
        if (++slice->place[i] < slice->dims[i] || i == 0)
            break;
        slice->place[i] = 0;
    }
    find_wanted(slice);
}

/* Number of the first kept place of the axis at or behind `place`. */
static int64_t rank_of(const struct pl_axis *kept, int64_t place)
{
    if (!kept->picks)
        return place <= kept->first ? 0 : (place - kept->first - 1) / kept->step + 1;
    int64_t low = 0, high = kept->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (kept->picks[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t place_at(const struct pl_axis *kept, int64_t k)
{
    return kept->picks ? kept->picks[k] : kept->first + k * kept->step;
}

/* Kept places k .. k + number - 1 of an axis of single elements, of which `elements` begin with
 * place `begin`: a loop per size, since a memcpy of 4 bytes costs more than 4 bytes. */
static void copy_singles(const struct pl_axis *kept, int64_t k, int64_t number, int64_t begin,
                         const void *elements, size_t size, void *out)
{
#define COPY(type)                       \
    for (int64_t i = 0; i < number; i++) \
    ((type *)out)[i] = ((const type *)elements)[place_at(kept, k + i) - begin]
    if (size == 1)
        COPY(uint8_t);
    else if (size == 2)
        COPY(uint16_t);
    else if (size == 4)
        COPY(uint32_t);
    else
        COPY(uint64_t);
#undef COPY
}

/* Copies what is wanted of `count` elements of a line, from slice->position on. */
static int64_t take_from_line(const struct pl_slice *slice, const char *elements, int64_t count,
                              char *out)
{
    const struct pl_axis *kept = &slice->axes[slice->line];
    size_t size = slice->item_size;
    int64_t begin = slice->position, end = begin + count, block = slice->block;
    if (slice->rank == 0) {
        memcpy(out, elements, (size_t)count * size);
        return count;
    }
    if (!kept->picks && kept->step == 1) {
        int64_t low = kept->first > INT64_MAX / block ? INT64_MAX : kept->first * block;
        int64_t high =
            kept->count > (INT64_MAX - low) / block ? INT64_MAX : low + kept->count * block;
        low = low > begin ? low : begin;
        high = high < end ? high : end;
        if (high <= low)
            return 0;
        memcpy(out, elements + (size_t)(low - begin) * size, (size_t)(high - low) * size);
        return high - low;
    }
    int64_t k = rank_of(kept, begin / block), taken = 0;
    if (block == 1) {
        int64_t last = rank_of(kept, end);
        last = last < kept->count ? last : kept->count;
        if (last <= k)
            return 0;
        copy_singles(kept, k, last - k, begin, elements, size, out);
        return last - k;
    }
    for (; k < kept->count; k++) {
        int64_t place = place_at(kept, k);
        if (place > (end - 1) / block)
            break;
        int64_t low = place * block > begin ? place * block : begin;
        int64_t high = (place + 1) * block < end ? (place + 1) * block : end;
        memcpy(out + (size_t)taken * size, elements + (size_t)(low - begin) * size,
               (size_t)(high - low) * size);
        taken += high - low;
    }
    return taken;
}

int64_t pl_slice_take(struct pl_slice *slice, const void *elements, int64_t count, void *out)
{
    const char *from = elements;
    char *to = out;
    int64_t taken = 0;
    while (count > 0) {
        int64_t rest = slice->line_size - slice->position, part = count < rest ? count : rest;
        if (slice->wanted)
            taken += take_from_line(slice, from, part, to + (size_t)taken * slice->item_size);
        slice->position += part;
        if (slice->position == slice->line_size)
            advance(slice);
        from += (size_t)part * slice->item_size;
        count -= part;
    }
    return taken;
}
