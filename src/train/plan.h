/* The plan of a pass: a net's buffers for so many rows, and one call that carries some of them through. */
#ifndef CN_TRAIN_PLAN_H
#define CN_TRAIN_PLAN_H

#include "data/data.h"
#include "train/loss.h"
#include "train/weights.h"

/* What a training minimizes. */
typedef struct cn_objective {
    cn_spec loss;
    cn_pipeline penalties;
} cn_objective;

/* Reads `loss` and `penalty`, and refuses what does not go with the model. */
cinch_status cn_objective_new(cn_objective *objective, const cinch_recipe *recipe, const cinch_model *model,
                              cinch_error *error);
void cn_objective_clear(cn_objective *objective);
const cn_loss *cn_objective_loss(const cn_objective *objective);

typedef struct cn_plan {
    const cinch_model *model;
    const cn_weights *weights;
    const cn_objective *objective;
    size_t rows;             /* room for so many */
    size_t features, stride; /* of the input */
    bool backward;
    void *input;       /* [rows][stride]: the scaled rows, which are the targets too */
    cn_flow *flows;    /* [nodes] */
    double *values;    /* [rows]: each row's loss, summed over the features */
    double *penalties; /* [rows]: each row's part of the code's penalties */
    size_t chunk;      /* rows carried through before the next ones, so that they stay in the cache */
    size_t nscratch;   /* reals of scratch that a thread needs */
    void *scratch;     /* [threads][nscratch] */
} cn_plan;

/* Everything that the passes of so many threads need is allocated here; they allocate nothing. */
cn_plan *cn_plan_new(const cinch_model *model, const cn_weights *weights, const cn_objective *objective,
                     size_t rows, size_t nthread, bool backward, cinch_error *error);
void cn_plan_free(cn_plan *plan);

/* The most rows that pass at a time in nets of this size: fewer where they are so wide that more would not
 * stay in the cache. */
size_t cn_plan_chunk(const cinch_model *model);

/* The thread's scratch, for its step. */
void *cn_plan_scratch(const cn_plan *plan, size_t thread);

/* Rows of data, order[0..count) (NULL: first, first + 1, ...), scaled and in the engine's order, to the plan's
 * rows from `place` on. */
void cn_plan_gather(const cn_plan *plan, const cn_step *step, const cinch_data *data, const size_t *order,
                    size_t first, size_t count, size_t place);

/* Carries rows [first, first + count) of a batch of batch_rows forward and, in a plan for it, backward, as
 * far as each row goes by itself: values, penalties, and the gradients of every node's output. Other
 * threads may carry other rows. */
void cn_plan_pass(const cn_plan *plan, const cn_step *step, size_t batch_rows, size_t first, size_t count);

/* After all rows' passes: one tile's gradient, the sum over its parameter's uses, to
 * gradient[tile->count]. */
void cn_plan_gradient(const cn_plan *plan, const cn_step *step, size_t batch_rows, const cn_tile *tile,
                      void *gradient);

/* The batch's loss without penalties, and its codes' penalties: sums over fixed blocks of rows. */
double cn_plan_reconstruction(const cn_plan *plan, size_t batch_rows);
double cn_plan_code_penalty(const cn_plan *plan, size_t batch_rows);

#endif
