/* Inputs of any known format, seen as a tensor stream.
 * SPDX-License-Identifier: MIT */
#include "formats/input.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/hf.h"
#include "formats/importers.h"

enum { MEMORY_MOST = 64 << 20 }; /* larger inputs are imported to a file, not to memory */

static const struct pl_import by_content;

struct pl_foreign {
    struct pl_bytes bytes;
    const struct pl_import *import;
    enum pl_format format;
};

static pl_importer *const importers[] = {
    [PL_FORMAT_CSV] = pl_csv_import,     [PL_FORMAT_NPY] = pl_npy_import,
    [PL_FORMAT_NPZ] = pl_npz_import,     [PL_FORMAT_SAFETENSORS] = pl_safetensors_import,
    [PL_FORMAT_IDX] = pl_idx_import,     [PL_FORMAT_RAW] = pl_raw_import,
    [PL_FORMAT_PNG] = pl_png_import,     [PL_FORMAT_PNM] = pl_pnm_import,
    [PL_FORMAT_WAV] = pl_wav_import,     [PL_FORMAT_LLAMA2C] = pl_llama2c_import,
    [PL_FORMAT_HF] = pl_hf_import,       [PL_FORMAT_PYTORCH] = pl_pytorch_import,
    [PL_FORMAT_CIFAR] = pl_cifar_import,
};

/* Peeks until the format is clear; the view is of the first bytes. */
static enum pl_status sniff(struct pl_context *context, struct pl_bytes *bytes, bool text,
                            enum pl_format *format)
{
    const uint8_t *data;
    size_t size = 0;
    enum pl_status status;
    do {
        status = pl_bytes_peek(context, bytes, size + 1, &data, &size);
    } while (!status && !bytes->ended && pl_sniff_wants_more(data, size));
    if (status) {
        return status;
    }
    const char *refusal;
    *format = pl_format_sniff(data, size, &refusal);
    if (size == 0) {
        return pl_bytes_fail(context, bytes, PL_INCOMPLETE, "the input is empty");
    }
    size_t start = size < 64 ? size : 64;
    bool printed = *format == PL_FORMAT_CSV || memchr(data, 0, start) == NULL;
    if (text && *format != PL_FORMAT_STREAM && (*format == PL_FORMAT_AUTO || printed)) {
        *format = PL_FORMAT_TEXT; /* files of tensors have zeros in their first bytes */
    }
    if (*format == PL_FORMAT_AUTO) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA, "%s%s", refusal ? "this is " : "",
                             refusal ? refusal : "not of a known format (-f says which it is)");
    }
    return PL_OK;
}

static enum pl_status open_inside(struct pl_context *context, struct pl_bytes *bytes,
                                  const char *folder, const char *name)
{
    struct pl_buffer path = {0};
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/') {
        size--;
    }
    enum pl_status status = pl_buffer_printf(context, &path, "%.*s/%s", (int)size, folder, name);
    if (!status) {
        status = pl_bytes_open(context, bytes, path.data);
    }
    pl_buffer_release(&path);
    return status;
}

/* Opens a file; of a folder with a language model its config.json, of another checkpoint folder
 * the index of its shards, or its one file.  *format becomes what that tells. */
static enum pl_status open_path(struct pl_context *context, struct pl_bytes *bytes,
                                const char *path, enum pl_format *format)
{
    static const char *const names[] = {"model.safetensors.index.json", "model.safetensors"};
    struct stat entry;
    bool hf = (*format == PL_FORMAT_AUTO || *format == PL_FORMAT_HF) && pl_hf_is_folder(path);
    if (hf) {
        *format = PL_FORMAT_HF;
        return open_inside(context, bytes, path, "config.json");
    }
    if (*format == PL_FORMAT_HF) {
        return pl_fail(context, PL_BAD_DATA, "%s: no folder with a config.json", path);
    }
    if (!path || stat(path, &entry) != 0 || !S_ISDIR(entry.st_mode)) {
        return pl_bytes_open(context, bytes, path);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char inside[PATH_MAX];
        int length = snprintf(inside, sizeof inside, "%s/%s", path, names[i]);
        if (length < PATH_MAX && access(inside, F_OK) == 0) {
            return pl_bytes_open(context, bytes, inside);
        }
    }
    return pl_fail(context, PL_BAD_DATA, "%s: a folder without %s or %s", path, names[0], names[1]);
}

static struct pl_foreign *open_foreign(struct pl_context *context, const char *path,
                                       const struct pl_import *import, bool text)
{
    struct pl_foreign *foreign = pl_new(context, 1, sizeof *foreign);
    if (!foreign) {
        return NULL;
    }
    foreign->bytes.file.fd = -1;
    foreign->import = import ? import : &by_content;
    foreign->format = (enum pl_format)foreign->import->format;
    enum pl_status status = open_path(context, &foreign->bytes, path, &foreign->format);
    if (!status && foreign->format == PL_FORMAT_AUTO) {
        status = sniff(context, &foreign->bytes, text, &foreign->format);
    }
    if (status) {
        pl_foreign_close(foreign);
        return NULL;
    }
    return foreign;
}

struct pl_foreign *pl_foreign_open(struct pl_context *context, const char *path,
                                   const struct pl_import *import)
{
    return open_foreign(context, path, import, false);
}

struct pl_foreign *pl_foreign_open_text(struct pl_context *context, const char *path)
{
    return open_foreign(context, path, NULL, true);
}

struct pl_bytes *pl_foreign_bytes(struct pl_foreign *foreign)
{
    return &foreign->bytes;
}

enum pl_format pl_foreign_format(const struct pl_foreign *foreign)
{
    return foreign->format;
}

enum pl_status pl_foreign_import(struct pl_context *context, struct pl_foreign *foreign,
                                 struct pl_writer *writer, struct pl_source *source)
{
    struct pl_bytes *bytes = &foreign->bytes;
    if (foreign->format == PL_FORMAT_STREAM) {
        return pl_bytes_fail(context, bytes, PL_BAD_DATA,
                             "is a tensor stream already (cat joins streams, ts-select picks)");
    }
    bytes->eager = true;
    enum pl_status status = importers[foreign->format](context, foreign->import, bytes, writer);
    if (!status && source) {
        source->format = foreign->format;
        status = pl_bytes_sum(context, bytes, &source->sum);
    }
    return status;
}

void pl_foreign_close(struct pl_foreign *foreign)
{
    if (foreign) {
        pl_bytes_close(&foreign->bytes);
        free(foreign);
    }
}

enum pl_status pl_import_file(struct pl_context *context, const char *path,
                              const struct pl_import *import, struct pl_writer *writer,
                              struct pl_source *source)
{
    struct pl_foreign *foreign = pl_foreign_open(context, path, import);
    if (!foreign) {
        return context->status;
    }
    enum pl_status status = pl_foreign_import(context, foreign, writer, source);
    pl_foreign_close(foreign);
    return status;
}

enum pl_status pl_import_images(struct pl_context *context, const char *images, const char *labels,
                                struct pl_writer *writer, struct pl_source *image_source,
                                struct pl_source *label_source)
{
    struct pl_bytes pictures, classes = {.file = {.fd = -1}};
    enum pl_status status = pl_bytes_open(context, &pictures, images);
    if (status) {
        return status;
    }
    if (labels) {
        status = pl_bytes_open(context, &classes, labels);
    }
    if (!status) {
        status = pl_idx_pair(context, &pictures, labels ? &classes : NULL, writer);
    }
    image_source->format = label_source->format = PL_FORMAT_IDX;
    if (!status) {
        status = pl_bytes_sum(context, &pictures, &image_source->sum);
    }
    if (!status && labels) {
        status = pl_bytes_sum(context, &classes, &label_source->sum);
    }
    pl_bytes_close(&classes);
    pl_bytes_close(&pictures);
    return status;
}

/* ---- Readers ----------------------------------------------------------------------------- */

/* Where an imported stream goes: memory for what is small, else an unlinked file. */
static enum pl_status open_temporary(struct pl_context *context, const struct pl_bytes *bytes,
                                     int *fd)
{
    *fd = -1;
    if (bytes->file.regular && bytes->file.size <= MEMORY_MOST) {
        *fd = memfd_create("plumbline", MFD_CLOEXEC);
    }
    return *fd >= 0 ? PL_OK : pl_file_temporary(context, fd);
}

static enum pl_status import_to(struct pl_context *context, struct pl_foreign *foreign, int fd,
                                struct pl_source *source)
{
    struct pl_writer *writer =
        pl_writer_open_fd(context, fd, "temporary file (set PLUMBLINE_TMPDIR)");
    if (!writer) {
        return context->status;
    }
    enum pl_status status = pl_foreign_import(context, foreign, writer, source);
    if (!status) {
        status = pl_writer_end(context, writer);
    }
    if (!status) {
        return pl_writer_commit(context, writer);
    }
    pl_writer_abort(context, writer, NULL);
    return status;
}

/* A compressed stream is inflated to where it can be mapped. */
static enum pl_status inflate_to(struct pl_context *context, struct pl_bytes *bytes, int fd)
{
    for (;;) {
        const uint8_t *data;
        size_t size;
        enum pl_status status = pl_bytes_peek(context, bytes, 1, &data, &size);
        if (status || size == 0) {
            return status;
        }
        status = pl_file_temporary_write(context, fd, data, size);
        if (status) {
            return status;
        }
        pl_bytes_skip(bytes, size);
    }
}

static struct pl_reader *open_converted(struct pl_context *context, struct pl_foreign *foreign,
                                        struct pl_source *source)
{
    int fd;
    enum pl_status status = open_temporary(context, &foreign->bytes, &fd);
    if (status) {
        return NULL;
    }
    status = foreign->format == PL_FORMAT_STREAM ? inflate_to(context, &foreign->bytes, fd)
                                                 : import_to(context, foreign, fd, source);
    if (!status && lseek(fd, 0, SEEK_SET) != 0) {
        status = pl_fail_errno(context, "cannot rewind a temporary file");
    }
    if (status) {
        close(fd);
        return NULL;
    }
    return pl_reader_open_fd(context, fd, foreign->bytes.name, NULL, 0, 0);
}

/* A stream is opened as it is; what was read of a pipe goes along with the descriptor. */
struct pl_reader *pl_foreign_stream(struct pl_context *context, struct pl_foreign *foreign,
                                    const char *path)
{
    struct pl_bytes *bytes = &foreign->bytes;
    if (bytes->stored) {
        return pl_reader_open(context, path, 0);
    }
    int fd = fcntl(bytes->file.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd < 0) {
        pl_fail_errno(context, "cannot duplicate a descriptor");
        return NULL;
    }
    const uint8_t *data = bytes->data ? bytes->data + bytes->taken : NULL;
    return pl_reader_open_fd(context, fd, bytes->name, data, bytes->size - bytes->taken, 0);
}

struct pl_reader *pl_foreign_reader(struct pl_context *context, struct pl_foreign *foreign,
                                    const char *path, struct pl_source *source)
{
    source->format = PL_FORMAT_STREAM;
    return foreign->format == PL_FORMAT_STREAM && !foreign->bytes.compressed
               ? pl_foreign_stream(context, foreign, path)
               : open_converted(context, foreign, source);
}

struct pl_reader *pl_input_open(struct pl_context *context, const char *path,
                                const struct pl_import *import, struct pl_source *source)
{
    struct pl_source own;
    source = source ? source : &own;
    *source = (struct pl_source){.format = PL_FORMAT_STREAM};
    struct pl_foreign *foreign = pl_foreign_open(context, path, import);
    if (!foreign) {
        return NULL;
    }
    struct pl_reader *reader = pl_foreign_reader(context, foreign, path, source);
    pl_foreign_close(foreign);
    return reader;
}

enum pl_status pl_input_bundle(struct pl_context *context, const char *path,
                               const struct pl_import *import, struct pl_source *source,
                               struct pl_bundle *bundle)
{
    struct pl_source own;
    source = source ? source : &own;
    *bundle = (struct pl_bundle){0};
    struct pl_reader *reader = pl_input_open(context, path, import, source);
    if (!reader) {
        return context->status;
    }
    bool found = false;
    enum pl_status status = pl_bundle_read(context, bundle, reader, &found);
    const struct pl_record *record = NULL;
    if (!status) {
        bundle->reader = reader;
        status = pl_reader_next(context, reader, &record);
    } else {
        pl_reader_close(reader);
    }
    if (!status && (record || !found)) {
        status = pl_fail(context, PL_BAD_DATA, "%s: %s", pl_reader_name(reader),
                         found ? "holds more than one object (ts-select --segment picks one)"
                               : "holds nothing");
    }
    if (status) {
        pl_bundle_release(bundle);
        return status;
    }
    if (source->format == PL_FORMAT_STREAM) {
        source->sum = bundle->sum;
    }
    return PL_OK;
}
