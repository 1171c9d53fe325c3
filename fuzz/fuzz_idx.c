/* libFuzzer: any bytes as a file of the format idx. */
#include <string.h>

#include "base/memory.h"
#include "format/format.h"

extern const cn_format cn_format_idx;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    const cn_format *format = &cn_format_idx;
    cn_format_options options = {.limits = &cn_limits_standard, .source = "fuzz", .missing_is_nan = true};
    cn_bytes bytes = {cn_new(nbytes, 1, NULL), nbytes};
    cn_array array = {.values = NULL};
    size_t claimed;

    if (bytes.data == NULL)
        return 0;
    memcpy(bytes.data, data, nbytes);
    if (format->probe(data, nbytes < 512 ? nbytes : 512))
        format->claim(data, nbytes < 512 ? nbytes : 512, &options, &claimed, NULL);
    format->parse(&bytes, &options, &array, NULL);
    cn_bytes_clear(&bytes);
    cn_array_clear(&array);
    return 0;
}
