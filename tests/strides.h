/* Under a slow checker a test takes not every case but every so many: the environment says how many. */
#ifndef TESTS_STRIDES_H
#define TESTS_STRIDES_H

#include <stdlib.h>

/* CINCH_SHAPE_STRIDE, CINCH_ROWS_STRIDE, CINCH_FAULT_STRIDE; 1 where it says nothing. */
static inline size_t stride_of(const char *name)
{
    const char *text = getenv(name);
    size_t stride = text ? (size_t)strtoul(text, NULL, 10) : 1;
    return stride > 0 ? stride : 1;
}

#endif
