/* libFuzzer: any chunks as a PNG picture, their checksums put right first: else nothing behind them would be
 * reached. */
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "format/bytes.h"
#include "format/format.h"

extern const cn_format cn_format_png;

/* length, name, data, checksum of name and data */
static void mend_checksums(cn_bytes *bytes)
{
    size_t at = 8;

    while (bytes->nbytes >= at + 12) {
        unsigned char *chunk = bytes->data + at;
        size_t nbytes = cn_u32_big(chunk);
        if (nbytes > bytes->nbytes - at - 12)
            return;
        uLong crc = crc32(0, chunk + 4, (uInt)nbytes + 4);
        for (int i = 0; i < 4; i++)
            chunk[8 + nbytes + (size_t)i] = (unsigned char)(crc >> (24 - 8 * i));
        at += nbytes + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    cn_limits limits = cn_limits_standard;
    cn_format_options options = {.limits = &limits, .source = "fuzz"};
    cn_bytes bytes = {cn_new(nbytes, 1, NULL), nbytes};
    cn_array array = {.values = NULL};

    if (bytes.data == NULL)
        return 0;
    if (nbytes > 0)
        memcpy(bytes.data, data, nbytes);
    mend_checksums(&bytes);
    limits.free_bytes = 1 << 12;
    limits.file_bytes = 1 << 24;
    cn_format_png.probe(bytes.data, nbytes < 512 ? nbytes : 512);
    cn_format_png.parse(&bytes, &options, &array, NULL);
    cn_bytes_clear(&bytes);
    cn_array_clear(&array);
    return 0;
}
