/* Numbers in the byte orders of files. */
#ifndef CN_FORMAT_BYTES_H
#define CN_FORMAT_BYTES_H

#include <string.h>

#include "base/file.h"

static inline bool cn_host_is_little(void)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

static inline uint32_t cn_u32_big(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline uint64_t cn_u64_little(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static inline void cn_swap_values(void *values, size_t count, size_t size)
{
    unsigned char *bytes = values;
    for (size_t i = 0; i < count; i++, bytes += size) {
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            unsigned char byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
    }
}

/* The values that lie in `bytes` from `at` to the end, brought to the host's byte order (`native` says
 * that they are in it) and moved to the front where they are not aligned to their size. */
static inline void *cn_values_in_place(cn_bytes *bytes, size_t at, size_t size, bool native)
{
    size_t nbytes = bytes->nbytes - at;
    unsigned char *values = bytes->data + at;

    if (at % size != 0) {
        memmove(bytes->data, values, nbytes);
        values = bytes->data;
    }
    if (!native && size > 1)
        cn_swap_values(values, nbytes / size, size);
    return values;
}

#endif
