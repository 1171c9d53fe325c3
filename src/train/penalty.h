/* A penalty: what is added to the loss for the weights, the code or the encoder as a function,
 * penalty_NAME.c.
 *
 * A penalty fills those of the functions below that it needs; the others are NULL. Pairs are for float and
 * for double. Everything that goes by rows or by tiles is called by several threads, each with its own.
 */
#ifndef CN_TRAIN_PENALTY_H
#define CN_TRAIN_PENALTY_H

#include "math/elementwise.h"
#include "model/model.h"

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

/* Of some units' means over the batch: adds each unit's part (the penalty is their sum) to values[j], and its
 * derivative by the mean to slopes[j]. */
typedef void cn_penalty_means(const cn_spec *spec, size_t count, const double *means, double *values,
                              double *slopes);

/* A penalty at work in one plan: what it sees, and what it keeps there for itself. */
typedef struct cn_penalty_work {
    const cn_spec *spec;
    const cinch_model *model;
    struct cn_weights *weights;
    cn_flow *flows; /* of the model's nodes */
    size_t rows;    /* of the plan's buffers */
    bool backward;
    void *state;
} cn_penalty_work;

typedef struct cn_penalty {
    cn_part part;
    /* Refuses a model that it does not go with, naming what it is. */
    cinch_status (*fits)(const cn_spec *spec, const cinch_model *model, cinch_error *error);

    cn_penalty_weights *weights[2];
    cn_penalty_codes *codes[2];
    cn_penalty_means *means;

    /* Makes work->state, and what it needs of the flows and weights: only here may it allocate. `end` frees
     * the state, however far it came. */
    cinch_status (*begin)(cn_penalty_work *work, cinch_error *error);
    void (*end)(cn_penalty_work *work);
    /* After the forward pass of rows [first, first + count), before the encoder's backward pass: adds each
     * row's part (the penalty is their mean over batch_rows) to values[r], and leaves gradients in the flows
     * and the state. */
    void (*rows)(const cn_penalty_work *work, const cn_step *step, size_t batch_rows, size_t first,
                 size_t count, double *values);
    /* After all rows: adds to a tile's gradient. */
    void (*gradient)(const cn_penalty_work *work, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                     void *reals);
} cn_penalty;

extern const cn_penalty *const cn_penalties[];
extern const cn_penalty cn_penalty_kl; /* what a drawn code gets by itself */

static inline const cn_penalty *cn_penalty_of(const cn_spec *spec)
{
    return (const cn_penalty *)spec->part;
}

#endif
