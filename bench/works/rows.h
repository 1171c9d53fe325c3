/* The rows that are trained on and run through: MNIST where `scripts/mnist` finds it, else Fashion-MNIST
 * where Debian's package is, else images made here, of the same number and shape. The time that a net takes
 * does not depend on what is in them. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "bench/works/settings.h"
#include "cinch.h"

typedef struct bench_rows {
    const char *name;       /* "MNIST" */
    char train[PATH_ROOM];  /* images of 28 x 28 bytes */
    char test[PATH_ROOM];   /* 10,000 more */
    char donut[PATH_ROOM];  /* `train = donut`, as NPY */
    char digit[PATH_ROOM];  /* one test image, as NPY */
    char donut_source[128]; /* its file, or "donut (generated)" */
} bench_rows;

cinch_status rows_find(const bench_settings *settings, bench_rows *rows, cinch_error *error);

#endif
