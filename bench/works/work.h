/* The works of the bench, one table: what `cinch train` is told, or which trained net is run. Their names are
 * those of bench/peers too. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>

#include "cinch.h"

typedef enum work_kind {
    WORK_EPOCH,     /* `cinch train`: the best epoch */
    WORK_ITERATION, /* `cinch train`, the whole command over its many epochs */
    WORK_ROWS,      /* all test rows through a net, by the public interface */
    WORK_ROW,       /* one row, by the public interface */
    WORK_COLD       /* `cinch encode` of one row over a program that does nothing */
} work_kind;

typedef struct bench_work {
    const char *name;
    const char *title;
    work_kind kind;
    const char *net;       /* a trained one's name, in WORK_ROWS, WORK_ROW, WORK_COLD */
    const char *flags[20]; /* of `cinch train`, in the others, up to NULL */
} bench_work;

extern const bench_work works[];
extern const size_t nwork;

/* NULL for an unknown name. */
const bench_work *work_find(const char *name);

bool work_is_training(const bench_work *work);

/* Operations of one row, an addition and a multiplication counted as two, of the net as it is written: a
 * dense layer's product is 2 in out, a convolution's 2 kh kw in out for each place of its output. `training`:
 * forward, the gradient of the weights and, but for the first layer, of what came in: the same product again
 * each time. Activations, losses, pools and optimizers are not counted. */
double work_operations(const cinch_model *model, bool training);

#endif
