/* Inputs of any known format, seen as a tensor stream.
 * SPDX-License-Identifier: MIT
 *
 * A stream is opened as it is.  Anything else is recognised by its content (or by options) and
 * imported into an unlinked temporary stream, on which a reader is then opened: behind this door
 * every tool sees one format. */
#ifndef PL_FORMATS_INPUT_H
#define PL_FORMATS_INPUT_H

#include "base/file.h"
#include "cli/option.h"
#include "stream/bundle.h"
#include "stream/reader.h"
#include "stream/writer.h"

enum pl_format {
    PL_FORMAT_AUTO, PL_FORMAT_STREAM, PL_FORMAT_CSV, PL_FORMAT_NPY, PL_FORMAT_NPZ,
    PL_FORMAT_SAFETENSORS, PL_FORMAT_IDX, PL_FORMAT_RAW
};

/* How to read what is not a stream; zeroed = by content.  PL_IMPORT_OPTIONS rows fill it. */
struct pl_import {
    int format; /* enum pl_format */
    /* CSV */
    const char *delimiter;   /* NULL: found from the first lines; "\\t" is a tab */
    const char *header;      /* "auto", "yes", "no" */
    const char *comment;     /* lines that begin so are skipped */
    const char *missing;     /* further words for a missing cell, separated by commas */
    bool decimal_comma;
    const char *time_column; /* name or number; NULL: the first column that parses as times */
    const char *id_column, *value_column; /* long format */
    const char *time_unit;   /* "s", "ms", "us", "ns" of epoch columns */
    /* raw */
    const char *dtype, *shape, *name;
    int64_t skip; /* bytes before the data */
};

/* What an import told about its source, for the history. */
struct pl_source {
    enum pl_format format;
    uint32_t sum; /* CRC-32 of the bytes read; of a stream: the end sum, after reading it */
};

/* Opens path ("-": standard input) as a stream of any known format.  import may be NULL. */
struct pl_reader *pl_input_open(struct pl_context *context, const char *path,
                                const struct pl_import *import, struct pl_source *source)
    PL_MUST_CHECK;

/* Opens, reads one segment, and refuses a second one (PL_BAD_DATA).  The bundle owns the reader. */
enum pl_status pl_input_bundle(struct pl_context *context, const char *path,
                               const struct pl_import *import, struct pl_source *source,
                               struct pl_bundle *bundle) PL_MUST_CHECK;

/* Imports path into writer: everything but the end record. */
enum pl_status pl_import_file(struct pl_context *context, const char *path,
                              const struct pl_import *import, struct pl_writer *writer,
                              struct pl_source *source) PL_MUST_CHECK;

/* What the first bytes look like; PL_FORMAT_AUTO when nothing fits.  Text that parses as a table
 * is CSV.  Pickle, zip of pickles and the like are recognised to be refused by name. */
enum pl_format pl_format_sniff(const void *bytes, size_t size, const char **refusal);

#endif
