/* A penalty: what is added to the loss for the code or the weights, penalty_NAME.c. Each function has two
 * forms, for float and for double. */
#ifndef CN_TRAIN_PENALTY_H
#define CN_TRAIN_PENALTY_H

#include "base/spec.h"
#include "math/elementwise.h"

/* The option W that every penalty has. */
#define CN_PENALTY_WEIGHT                                                                                    \
    {                                                                                                        \
        .name = "W", .type = CN_NUMBER, .value_argument = true, .maximum = 1e9, .summary = "factor"          \
    }

enum { CN_PENALTY_LANES = 16 }; /* slices are whole multiples of it, ended by zeros */

/* Of a slice of a weight tensor: returns its part of the penalty and adds its gradient to `gradient`
 * (NULL: none). */
typedef double cn_penalty_weights(const cn_spec *spec, const void *weights, size_t count, void *gradient);

/* Of codes[rows][width]: adds each row's part (the penalty is their mean over the batch) to values[r], and
 * scale times its gradient to `slope` (NULL: none). */
typedef void cn_penalty_codes(const cn_spec *spec, size_t rows, size_t width, size_t stride,
                              const void *codes, double scale, void *slope, double *values);

typedef struct cn_penalty {
    cn_part part;
    cn_penalty_weights *weights[2]; /* NULL: not of the weights */
    cn_penalty_codes *codes[2];     /* NULL: not of the code */
} cn_penalty;

extern const cn_penalty *const cn_penalties[];

#endif
