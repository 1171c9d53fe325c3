/* The plan of a pass: what is decided of a net once (buffers, what neighbours do in one: plan.c), and the
 * calls that carry rows through it (pass.c). */
#ifndef CN_TRAIN_PLAN_H
#define CN_TRAIN_PLAN_H

#include "base/threads.h"
#include "data/data.h"
#include "train/blocks.h"
#include "train/bundles.h"
#include "train/objective.h"
#include "train/weights.h"

typedef struct cn_plan {
    const cinch_model *model;
    cn_weights *weights;
    const cn_objective *objective;
    size_t batch; /* rows of a batch at most */
    size_t rows;  /* of the buffers: the batch's; or, `local`, a chunk for each thread */
    bool local;
    size_t features, stride; /* of the input */
    bool backward;
    void *input;            /* [rows][stride]: the scaled rows, which are the targets too */
    cn_node *nodes;         /* the model's, with what the planner decided of them */
    cn_flow *flows;         /* [nodes] */
    double *values;         /* [rows]: each row's loss, summed over the features */
    double *penalties;      /* [rows]: each row's part of the code's and the encoder's penalties */
    size_t *numbers;        /* [rows]: each row's number in the data */
    cn_penalty_work *works; /* [penalties of the objective] */
    double *means;          /* [3][code]: the units' batch means, what they are penalized, the slope of that;
                             * NULL where no penalty is of the means */
    size_t nweight;         /* values of all parameters */
    bool images;            /* has layers `by_rows` */
    bool by_rows;           /* gradients of layers `by_rows` are summed while the rows go by */
    size_t chunk;           /* rows carried through before the next ones, so that they stay in the cache */
    size_t nscratch;        /* reals of scratch that a thread needs */
    void *scratch;          /* [threads][nscratch] */

    /* Where the gradients of layers `by_rows` are summed, one parameter behind the other; NULL: there are
     * none. */
    cn_blocks *blocks;
    size_t *block_place; /* [parameters]: where it lies in them; SIZE_MAX: it is summed by tiles */
    /* Carries the rows of a net that goes by bundles: then of the above, from `input` on, there are the nodes
     * and the scratch alone. NULL: the net does not. */
    cn_bundles *bundles;

    /* `local`: what is wanted of the whole batch. Else the same as the above. */
    cn_flow *batch_flows; /* [nodes]: x, dy and kept of those whose gradients are by tiles */
    double *batch_values, *batch_penalties;
} cn_plan;

/* Everything that the passes of so many threads need is allocated here; they allocate nothing. The weights
 * get the transposes that they lack. batch 0: no batch, a chunk of rows for each thread. */
cn_plan *cn_plan_new(const cinch_model *model, cn_weights *weights, const cn_objective *objective,
                     size_t batch, size_t nthread, bool backward, cinch_error *error);
void cn_plan_free(cn_plan *plan);

/* Makes a step the thread's: its scratch, and the rows that cn_plan_gather puts there. */
void cn_plan_enter(const cn_plan *plan, cn_step *step, size_t thread);

/* Rows of data, order[0..count) (NULL: first, first + 1, ...), scaled and in the engine's order, to the
 * plan's rows from `place` on. */
void cn_plan_gather(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                    size_t first, size_t count, size_t place);

/* Where plan->means is there, before cn_plan_pass: all rows of the batch through the encoder, then the means
 * of the units, by any threads. `sums` is [nsum][stride] reals whose columns add up to the batch's: the codes
 * themselves, or sums of some of them each. */
void cn_plan_encode(const cn_plan *plan, const cn_step *step, size_t first, size_t count);
void cn_plan_means(const cn_plan *plan, const void *sums, size_t nsum, size_t stride, size_t batch_rows,
                   size_t first_unit, size_t count);

/* Carries the plan's rows [first, first + count) forward and, in a plan for it, backward, as far as each row
 * goes by itself: values, penalties, and the gradients of every node's output. They are those of a batch of
 * batch_rows from row `row` on. Other threads may carry other rows; where plan->blocks is there, a thread
 * carries its share, in order. */
void cn_plan_pass(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t row, size_t first,
                  size_t count);

/* The thread's part of a batch; and that taken in hand, before anything of it is passed. */
void cn_plan_part(const cn_plan *plan, size_t batch_rows, size_t nthread, size_t thread, size_t *first,
                  size_t *count);
void cn_plan_share(const cn_plan *plan, size_t batch_rows, size_t nthread, size_t thread, size_t *first,
                   size_t *count);

/* Gathers rows [first, first + count) of a batch, which are order[] of the data, and carries them through.
 * Not for plans with means. */
void cn_plan_carry(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                   size_t batch_rows, size_t first, size_t count);

/* Whether a batch of so many rows had better go with the layers' units shared out: then all threads carry it
 * together, meeting after each layer. The bits are cn_plan_carry's. */
bool cn_plan_goes_together(const cn_plan *plan, size_t batch_rows, size_t nthread);
void cn_plan_carry_together(const cn_plan *plan, const cn_step *step, cn_threads *threads,
                            const cinch_data *data, const size_t *order, size_t batch_rows);

/* After all rows' passes: one tile's gradient, the sum over its parameter's uses, to gradient[tile->count].
 * Of several panels' tiles (tile->npanel) one behind the other: of matrices, where the net does not go by
 * bundles. */
void cn_plan_gradient(const cn_plan *plan, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                      void *gradient);

/* The batch's loss without penalties, and all its penalties but the weights': sums over fixed blocks of
 * rows. */
double cn_plan_reconstruction(const cn_plan *plan, size_t batch_rows);
double cn_plan_code_penalty(const cn_plan *plan, size_t batch_rows);

#endif
