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

enum pl_format { /* in the order of ts-import's --format */
                 PL_FORMAT_AUTO,
                 PL_FORMAT_CSV,
                 PL_FORMAT_NPY,
                 PL_FORMAT_NPZ,
                 PL_FORMAT_SAFETENSORS,
                 PL_FORMAT_IDX,
                 PL_FORMAT_RAW,
                 PL_FORMAT_PNG,
                 PL_FORMAT_PNM, /* PGM and PPM */
                 PL_FORMAT_WAV,
                 PL_FORMAT_LLAMA2C,
                 PL_FORMAT_HF,
                 PL_FORMAT_PYTORCH,
                 PL_FORMAT_CIFAR,
                 PL_FORMAT_STREAM,
                 PL_FORMAT_TEXT /* only of pl_foreign_open_text */
};

/* How to read what is not a stream; zeroed = by content.  PL_IMPORT_OPTIONS rows fill it. */
struct pl_import {
    int format; /* enum pl_format */
    /* CSV */
    const char *delimiter; /* NULL: found from the first lines; "\\t" is a tab */
    int header;            /* enum pl_import_header */
    const char *comment;   /* lines that begin so are skipped; NULL: "#"; "none": there are none */
    const char *missing;   /* further words for a missing cell, separated by commas */
    bool decimal_comma;
    const char *time_column; /* name or number, or "none"; NULL: the first that parses as times */
    const char *id_column, *value_column; /* long format */
    int time_unit;           /* of epoch columns: 0: by magnitude, 1-4: s, ms, us, ns */
    const char *time_format; /* pattern as of strftime(3); NULL: found from the cells */
    /* raw; dtype also of a table's values (f32, else f64), name of any single tensor */
    const char *dtype, *shape, *name;
    int64_t skip; /* bytes before the data */
    /* Checkpoints of language models: a tokenizer.json that comes from elsewhere and how many
     * tokens it has; NULL: the checkpoint's own, if it has one. */
    const char *tokenizer;
    size_t tokenizer_size;
    int64_t tokenizer_vocabulary;
};

enum pl_import_header { PL_HEADER_AUTO, PL_HEADER_YES, PL_HEADER_NO };

/* What an import told about its source, for the history. */
struct pl_source {
    enum pl_format format;
    uint32_t sum; /* CRC-32 of the bytes read; of a stream: the end sum, after reading it */
};

/* Option rows that fill the struct pl_import at field f of the tool's struct s: how a table is
 * read, and what ts-import adds. */
/* clang-format off */
#define PL_IMPORT_CSV_OPTIONS(s, f)                                                                \
    PL_TEXT(s, f.delimiter, "delimiter", 0, "auto", "BYTE",                                        \
            "CSV: what stands between cells; \\t is a tab, a blank is any run of blanks", ";"),    \
    PL_CHOICE(s, f.header, "header", 0, "auto", "auto|yes|no", "WHEN",                             \
              "CSV: whether the first record holds the column names"),                             \
    PL_TEXT(s, f.comment, "comment", 0, "#", "TEXT", "CSV: lines that begin so are skipped; none: none are", "//"), \
    PL_FLAG(s, f.decimal_comma, "decimal-comma", 0, "no", "CSV: fractions are written 3,14"),      \
    PL_TEXT(s, f.time_column, "time", 0, NULL, "COLUMN",                                           \
            "CSV: name or number of the time column, or none; found by itself when not given",     \
            "date"),                                                                               \
    PL_TEXT(s, f.time_format, "time-format", 0, NULL, "FORMAT",                                    \
            "CSV: form of the times, as for strftime(3)", "%d/%m/%Y %H:%M"),                       \
    PL_CHOICE(s, f.time_unit, "time-unit", 0, "auto", "auto|s|ms|us|ns", "UNIT",                   \
              "CSV: what times that are numbers count since 1970; auto goes by their size"),       \
    PL_TEXT(s, f.id_column, "id", 0, NULL, "COLUMN",                                               \
            "CSV, long form: the column that tells series apart", "shop"),                         \
    PL_TEXT(s, f.value_column, "value", 0, NULL, "COLUMN",                                         \
            "CSV, long form: the column of values; all columns of numbers when not given",         \
            "sales")

#define PL_IMPORT_OPTIONS(s, f)                                                                    \
    PL_CHOICE(s, f.format, "format", 'f', "auto", "auto|csv|npy|npz|safetensors|idx|raw|png|pnm|wav|llama2c|hf|pytorch|cifar", "FORMAT", \
              "what the files are; auto goes by their first bytes"),                               \
    PL_TEXT(s, f.name, "name", 0, NULL, "NAME",                                                    \
            "NPY, IDX, raw, one WAV: name of the tensor; the file's name without its suffix, audio of " \
            "a WAV, when not given", \
            "weights"),                                                                            \
    PL_TEXT(s, f.dtype, "dtype", 0, NULL, "DTYPE",                                                 \
            "raw: type of the elements; CSV: f32 for values half as large", "u16"),                \
    PL_TEXT(s, f.shape, "shape", 0, NULL, "SHAPE",                                                 \
            "raw: dimensions, separated by commas; one may be -1: as many as there are",           \
            "64,512"),                                                                             \
    PL_INT(s, f.skip, "skip", 0, "0", 0, 9e18, "BYTES", "raw: bytes before the data", "16"),       \
    PL_TEXT(s, f.missing, "missing", 0, NULL, "WORDS",                                             \
            "CSV: further words for a missing cell, separated by commas; numbers match by value",  \
            "-200,?"),                                                                             \
    PL_IMPORT_CSV_OPTIONS(s, f)
/* clang-format on */

/* Opens path ("-": standard input) as a stream of any known format.  import may be NULL. */
struct pl_reader *pl_input_open(struct pl_context *context, const char *path,
                                const struct pl_import *import,
                                struct pl_source *source) PL_MUST_CHECK;

/* Opens, reads one segment, and refuses a second one (PL_BAD_DATA).  The bundle owns the reader. */
enum pl_status pl_input_bundle(struct pl_context *context, const char *path,
                               const struct pl_import *import, struct pl_source *source,
                               struct pl_bundle *bundle) PL_MUST_CHECK;

/* A file to import, opened and recognised but not read yet. */
struct pl_foreign; /* opaque */
struct pl_bytes;   /* formats/bytes.h */

/* PL_BAD_DATA (NULL) for what is not known or refused.  A folder with a config.json is a language
 * model; another checkpoint folder, or an index of safetensors, stands for its shards.  import must
 * outlive the result. */
struct pl_foreign *pl_foreign_open(struct pl_context *context, const char *path,
                                   const struct pl_import *import) PL_MUST_CHECK;
enum pl_format pl_foreign_format(const struct pl_foreign *foreign);

/* Imports into writer: everything but the end record.  A stream is refused: it is one already. */
enum pl_status pl_foreign_import(struct pl_context *context, struct pl_foreign *foreign,
                                 struct pl_writer *writer, struct pl_source *source) PL_MUST_CHECK;
/* As pl_foreign_open by content, for those who read any file that holds no tensors as a text: its
 * format is PL_FORMAT_TEXT then, whatever it holds, and pl_foreign_bytes reads it. */
struct pl_foreign *pl_foreign_open_text(struct pl_context *context, const char *path) PL_MUST_CHECK;
struct pl_bytes *pl_foreign_bytes(struct pl_foreign *foreign);

/* A stream as pl_foreign_stream opens it, anything else imported into a temporary one. */
struct pl_reader *pl_foreign_reader(struct pl_context *context, struct pl_foreign *foreign,
                                    const char *path, struct pl_source *source) PL_MUST_CHECK;
/* Opens what is a stream already, as it is and as it comes. path as given to pl_foreign_open. */
struct pl_reader *pl_foreign_stream(struct pl_context *context, struct pl_foreign *foreign,
                                    const char *path) PL_MUST_CHECK;
void pl_foreign_close(struct pl_foreign *foreign); /* NULL is harmless */

/* Pictures and sounds: files of one medium go into one segment together. */
enum pl_medium { PL_MEDIUM_NONE, PL_MEDIUM_PICTURE, PL_MEDIUM_SOUND };
enum pl_medium pl_format_medium(enum pl_format format);

/* One of several files that are imported together. */
struct pl_part {
    const char *path;
    struct pl_foreign *foreign; /* NULL: to be opened (again) */
    char name[PL_NAME_MAX + 1]; /* of its tensor, or of its picture; set while it is imported */
    struct pl_source source;    /* once it was imported */
};
enum pl_status pl_part_open(struct pl_context *context, struct pl_part *part,
                            const struct pl_import *import) PL_MUST_CHECK;
/* Closes what can be opened again from its start: a pipe stays open. */
void pl_part_rest(struct pl_part *part);
void pl_part_close(struct pl_part *part);

/* A segment but for history and end, of kind `images`: pictures of equal size and type as `images`
 * [count, height, width, channels] with, if there are several, their names in `images.names`
 * [count, longest], filled up with NULs, others each as a tensor [height, width, channels] named by
 * its file; or of kind `audio`: each file a tensor [samples, channels] named by it, a single one
 * `audio`, all of one rate, which is in `meta: audio`.  All parts are of one medium.  The caller
 * closes them. */
enum pl_status pl_import_media(struct pl_context *context, struct pl_part *parts, size_t count,
                               const struct pl_import *import,
                               struct pl_writer *writer) PL_MUST_CHECK;

/* The three in one. */
enum pl_status pl_import_file(struct pl_context *context, const char *path,
                              const struct pl_import *import, struct pl_writer *writer,
                              struct pl_source *source) PL_MUST_CHECK;

/* A segment of kind `images` but for history and end: `images` u8 [count, height, width, 1] and,
 * when there is a file of them, `labels`, from a pair of IDX files. */
enum pl_status pl_import_images(struct pl_context *context, const char *images, const char *labels,
                                struct pl_writer *writer, struct pl_source *image_source,
                                struct pl_source *label_source) PL_MUST_CHECK;

/* What the first bytes look like; PL_FORMAT_AUTO when nothing fits.  Text that parses as a table
 * is CSV.  Pickle, zip of pickles and the like are recognised to be refused by name. */
enum pl_format pl_format_sniff(const void *bytes, size_t size, const char **refusal);

#endif
