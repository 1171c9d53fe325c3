/* libFuzzer: any bytes as an NPZ file; the first one says whether a member is named. */
#include <string.h>

#include "base/memory.h"
#include "format/format.h"

extern const cn_format cn_format_npz;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    cn_limits limits = cn_limits_standard;
    cn_format_options options = {.limits = &limits, .source = "fuzz"};
    cn_array array = {.values = NULL};

    if (nbytes < 1)
        return 0;
    cn_bytes bytes = {cn_new(nbytes - 1, 1, NULL), nbytes - 1};
    if (bytes.data == NULL)
        return 0;
    memcpy(bytes.data, data + 1, bytes.nbytes);
    limits.free_bytes = 1 << 12;
    limits.file_bytes = 1 << 24;
    options.array = data[0] & 1 ? "codes" : NULL;
    cn_format_npz.parse(&bytes, &options, &array, NULL);
    cn_bytes_clear(&bytes);
    cn_array_clear(&array);
    return 0;
}
