/* libFuzzer: two bytes of claim, then any bytes as a gzip file. */
#include <string.h>

#include "base/memory.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    cn_limits limits = cn_limits_standard;
    cn_format_options options = {.limits = &limits, .source = "fuzz"};
    unsigned char head[512];
    size_t nhead;

    if (nbytes < 2)
        return 0;
    cn_bytes packed = {cn_new(nbytes - 2, 1, NULL), nbytes - 2}, plain;
    if (packed.data == NULL)
        return 0;
    limits.file_bytes = 1 << 24;
    memcpy(packed.data, data + 2, packed.nbytes);
    cn_gzip_head(&packed, head, sizeof head, &nhead, &options, NULL);
    cn_gzip_inflate(&packed, (size_t)data[0] | (size_t)data[1] << 8, &options, &plain, NULL);
    cn_bytes_clear(&plain);
    cn_bytes_clear(&packed);
    return 0;
}
