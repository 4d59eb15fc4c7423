/* What the fuzz targets of file formats share: bytes imported into nowhere.
 * SPDX-License-Identifier: MIT */
#ifndef PL_TESTS_FUZZ_IMPORT_H
#define PL_TESTS_FUZZ_IMPORT_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/importers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Imports bytes as a file of that name; what it gives is thrown away. */
static inline enum pl_status fuzz_import(pl_importer *importer, const struct pl_import *import,
                                         struct pl_bytes *bytes)
{
    struct pl_context context = {.threads = 1};
    int fd = open("/dev/null", O_WRONLY);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "nowhere");
    if (fd < 0 || !writer) {
        abort();
    }
    bytes->eager = true;
    enum pl_status status = importer(&context, import, bytes, writer);
    if (!status) {
        status = pl_writer_end(&context, writer);
    }
    if (!status) {
        status = pl_writer_commit(&context, writer);
    } else {
        pl_writer_abort(&context, writer, NULL);
    }
    close(fd);
    pl_bytes_close(bytes);
    return status;
}

/* A copy of exactly that size, so that reading beyond it is noticed. */
static inline char *fuzz_copy(const void *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* The whole input through one importer. */
static inline int fuzz_file(pl_importer *importer, const uint8_t *bytes, size_t size)
{
    static const struct pl_import import;
    struct pl_bytes input;
    char *copy = fuzz_copy(bytes, size);
    pl_bytes_memory(&input, "fuzz", copy, size);
    enum pl_status status = fuzz_import(importer, &import, &input);
    (void)status;
    free(copy);
    return 0;
}

#endif
