/* A tensor stream as a file of another format.
 * SPDX-License-Identifier: MIT */
#ifndef PL_FORMATS_EXPORT_H
#define PL_FORMATS_EXPORT_H

#include "cli/option.h"
#include "stream/reader.h"

enum pl_export_format { /* in the order of ts-export's --format */
                        PL_EXPORT_CSV,
                        PL_EXPORT_NPY,
                        PL_EXPORT_NPZ,
                        PL_EXPORT_SAFETENSORS,
                        PL_EXPORT_PNG,
                        PL_EXPORT_PPM,
                        PL_EXPORT_WAV,
                        PL_EXPORT_HF
};

/* What to write and how; PL_EXPORT_OPTIONS rows fill it. */
struct pl_export {
    int format;           /* enum pl_export_format */
    struct pl_list names; /* the tensors to write (CSV of a series: also columns); none: all */
    /* CSV */
    const char *delimiter;
    int64_t precision;   /* digits behind the point; < 0: as many as read back the same value */
    const char *missing; /* what NaN is written as */
    bool header;
    /* NPZ */
    bool compress;
    /* WAV */
    int64_t rate; /* samples a second; 0: as the stream says */
};

/* clang-format off */
#define PL_EXPORT_OPTIONS(s, f)                                                                    \
    PL_CHOICE(s, f.format, "format", 'f', "csv", "csv|npy|npz|safetensors|png|ppm|wav|hf", "FORMAT", \
              "what to write"),                                                                    \
    PL_LIST(s, f.names, "name", 'n', "NAME",                                                       \
            "write only this tensor, or, of a series as CSV, this column", "OT"),                  \
    PL_TEXT(s, f.delimiter, "delimiter", 0, ",", "BYTE",                                           \
            "CSV: what stands between cells; \\t is a tab", ";"),                                  \
    PL_INT(s, f.precision, "precision", 0, "-1", -1, 17, "DIGITS",                                 \
           "CSV: digits behind the point; -1: as few as read back the same value", "3"),           \
    PL_TEXT(s, f.missing, "missing", 0, NULL, "TEXT", "CSV: what missing values are written as; else nothing", \
            "NA"),                                                                                 \
    PL_FLAG(s, f.header, "header", 0, "yes", "CSV: leave out the line of column names"),           \
    PL_FLAG(s, f.compress, "compress", 0, "no", "NPZ: deflate the arrays"),                        \
    PL_INT(s, f.rate, "rate", 0, "0", 0, 4294967295.0, "HZ",                                       \
           "WAV: samples a second; 0: as the stream says", "16000")
/* clang-format on */

/* Writes what the reader has, all of it, to path ("-" or NULL: standard output).  CSV takes a
 * series, a forecast, or tensors of rank up to 2 with equally many rows, and writes the rows of a
 * live series as they come; NPY takes exactly one tensor, PNG and PPM one picture of u8 or u16
 * [height, width, channels], also as the only one of `images`, WAV one sound [samples, channels].
 * HF takes a model of type transformer, and path is a folder, made when it is not there. */
enum pl_status pl_export_file(struct pl_context *context, struct pl_reader *reader,
                              const struct pl_export *export, const char *path) PL_MUST_CHECK;

#endif
