/* Fuzz target: a stream, read in every way that the reader offers, copied, bundled and recovered.
 * SPDX-License-Identifier: MIT
 *
 * Checksums would keep a fuzzer at the door, so they are put right first: every header and footer
 * that stands where the framing says gets the CRC of what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32.h"
#include "stream/bundle.h"
#include "stream/history.h"
#include "stream/recover.h"
#include "stream/segment.h"

enum ways { SKIP, VERIFY, PAYLOAD, TENSOR, ELEMENTS, PIECES, WAYS };

/* Puts the checksums right that can be found without understanding the headers. */
static void mend(char *bytes, size_t size)
{
    size_t at = 0;
    while (at + PL_BLOCK <= size && memcmp(bytes + at, PL_MAGIC, PL_MAGIC_SIZE) == 0) {
        struct pl_context context = {0};
        struct pl_header header;
        size_t length = PL_BLOCK;
        while (at + length < size && length < PL_HEADER_MAX && bytes[at + length - 1] != '\n')
            length += PL_BLOCK;
        if (at + length > size)
            return;
        pl_hex_write(bytes + at + length - 9, pl_crc32(0, bytes + at, length - 10));
        bool good = pl_header_parse(&context, bytes + at, length, &header) == PL_OK;
        at += length;
        if (!good || !header.payload)
            continue;
        uint64_t stored = pl_stored_size(header.bytes);
        if (stored > size - at)
            return;
        memset(bytes + at + header.bytes, 0, (size_t)(stored - header.bytes));
        at += (size_t)stored;
        memcpy(bytes + at - PL_FOOTER_SIZE, PL_FOOTER, 7);
        pl_hex_write(bytes + at - 9, pl_crc32(0, bytes + at - stored, (size_t)header.bytes));
        bytes[at - 1] = '\n';
    }
}

static enum pl_status take(struct pl_context *context, struct pl_reader *reader, enum ways way)
{
    const struct pl_header *header = &pl_reader_record(reader)->header;
    struct pl_tensor tensor;
    struct pl_meta meta = {0};
    const void *bytes;
    size_t size = 1;
    int64_t count = 1;
    enum pl_status status = PL_OK;
    bool elements =
        header->payload && (header->kind == PL_RECORD_TENSOR || header->kind == PL_RECORD_CHUNK);
    if (header->kind == PL_RECORD_META) {
        status = pl_reader_meta(context, reader, &meta);
        pl_meta_release(&meta);
    } else if (way == PAYLOAD) {
        status = pl_reader_payload(context, reader, &bytes, &size);
    } else if (way == TENSOR && elements) {
        status = pl_reader_tensor(context, reader, &tensor);
        pl_tensor_release(&tensor);
    } else if (way == ELEMENTS && elements) {
        while (status == PL_OK && count > 0)
            status = pl_reader_elements(context, reader, &bytes, &count);
    } else if (way == PIECES) {
        while (status == PL_OK && size > 0)
            status = pl_reader_piece(context, reader, &bytes, &size);
    }
    return status;
}

static void read_stream(const uint8_t *bytes, size_t size, enum ways way)
{
    struct pl_context context = {0};
    const struct pl_record *record;
    struct pl_reader *reader =
        pl_reader_open_memory(&context, bytes, size, "fuzz", way == VERIFY ? PL_READER_VERIFY : 0);
    enum pl_status status = reader ? PL_OK : context.status;
    while (status == PL_OK) {
        status = pl_reader_next(&context, reader, &record);
        if (!record)
            break;
        if (status == PL_OK)
            status = take(&context, reader, way);
    }
    pl_reader_close(reader);
}

static void read_bundles(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_reader *reader = pl_reader_open_memory(&context, bytes, size, "fuzz", 0);
    struct pl_bundle bundle;
    bool found = true;
    while (found && pl_bundle_read(&context, &bundle, reader, &found) == PL_OK && found) {
        struct pl_buffer script = {0};
        enum pl_status status =
            pl_history_script(&context, pl_bundle_document(&bundle, "history"), &script);
        (void)status;
        pl_buffer_release(&script);
        pl_bundle_release(&bundle);
    }
    pl_reader_close(reader);
}

/* Recovers to a file and reads that: whatever came in, what goes out is a good stream. */
static void recover(const uint8_t *bytes, size_t size)
{
    struct pl_context context = {0};
    struct pl_recovery recovery;
    int fd = memfd_create("recovered", 0);
    struct pl_writer *writer = pl_writer_open_fd(&context, fd, "recovered");
    enum pl_status status = pl_recover(&context, "fuzz", bytes, size, writer, &recovery);
    if (status == PL_OK)
        status = pl_writer_commit(&context, writer);
    else
        pl_writer_abort(&context, writer, "");
    if (status || lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return;
    }
    const struct pl_record *record;
    struct pl_reader *reader =
        pl_reader_open_fd(&context, fd, "recovered", NULL, 0, PL_READER_VERIFY);
    do {
        if (pl_reader_next(&context, reader, &record) != PL_OK) {
            fprintf(stderr, "%s\n", context.message);
            abort();
        }
    } while (record);
    pl_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    char *copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    if (bytes[size - 1] != '!') /* leaves a way for streams with wrong checksums */
        mend(copy, size);
    for (enum ways way = SKIP; way < WAYS; way++)
        read_stream((const uint8_t *)copy, size, way);
    read_bundles((const uint8_t *)copy, size);
    recover((const uint8_t *)copy, size);
    free(copy);
    return 0;
}
