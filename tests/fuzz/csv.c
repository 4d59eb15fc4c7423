/* Fuzz target: delimited text as a file and as a pipe.  The first byte chooses options.
 * SPDX-License-Identifier: MIT
 *
 * The two ways must agree on whether the text is a table. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/csv.h"
#include "import.h"

static void choose(struct pl_import *import, uint8_t choice)
{
    static const char *const delimiters[] = {NULL, ";", "\\t", " "};
    import->delimiter = delimiters[choice & 3];
    import->decimal_comma = choice & 4 && (choice & 3) != 0;
    import->id_column = choice & 8 ? "1" : NULL;
    import->time_column = choice & 16 ? "2" : NULL;
    import->header = choice >> 5 & 1 ? PL_HEADER_NO : PL_HEADER_AUTO;
    import->missing = choice & 64 ? "-200,?,x" : NULL;
    import->dtype = choice & 128 ? "f32" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct pl_import import = {0};
    struct pl_bytes file, pipe = {.name = "fuzz"};
    if (size == 0) {
        return 0;
    }
    choose(&import, *bytes++);
    size--;
    char *copy = fuzz_copy(bytes, size);
    pl_bytes_memory(&file, "fuzz", copy, size);
    enum pl_status whole = fuzz_import(pl_csv_import_file, &import, &file);

    pipe.file.fd = memfd_create("fuzz", 0);
    if (write(pipe.file.fd, copy, size) != (ssize_t)size || lseek(pipe.file.fd, 0, SEEK_SET) != 0) {
        abort();
    }
    enum pl_status live = fuzz_import(pl_csv_import_live, &import, &pipe);
    close(pipe.file.fd);
    free(copy);
    bool gzip =
        size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; /* only files are inflated here */
    if (whole != live && !gzip) {
        fprintf(stderr, "file: %d, pipe: %d\n", whole, live);
        abort();
    }
    return 0;
}
