/* Losses of rows that are not trained on: validation, test, scores. */
#ifndef CN_TRAIN_EVALUATE_H
#define CN_TRAIN_EVALUATE_H

#include "base/threads.h"
#include "train/plan.h"

typedef struct cn_evaluator cn_evaluator;

/* For up to most_rows rows at a time. Model, weights, objective and threads must outlive it. */
cn_evaluator *cn_evaluator_new(const cinch_model *model, cn_weights *weights, const cn_objective *objective,
                               cn_threads *threads, size_t most_rows, cinch_error *error);
void cn_evaluator_free(cn_evaluator *evaluator);

typedef struct cn_evaluation {
    double loss;           /* penalties added */
    double reconstruction; /* without them */
} cn_evaluation;

/* Rows [first, first + count) of data, scaled by the model's scaler. With `noise`, noise and dropout act,
 * drawn by (seed, row). */
cn_evaluation cn_evaluate(cn_evaluator *evaluator, const cinch_data *data, size_t first, size_t count,
                          uint64_t seed, bool noise);

/* What the same rows become with noise and dropout at work: `results` [count][features], and in `noisy`
 * (NULL: not wanted) the rows as the layers that only corrupt leave them at the encoder's very beginning;
 * both in the data's units. The draws are those of cn_evaluate. */
void cn_evaluate_noisy(cn_evaluator *evaluator, const cinch_data *data, size_t first, size_t count,
                       uint64_t seed, float *noisy, float *results);

/* Of the last evaluation: each row's loss summed over its features, and its penalties. */
const double *cn_evaluator_values(const cn_evaluator *evaluator);
const double *cn_evaluator_penalties(const cn_evaluator *evaluator);

/* Refuses rows that the objective's loss does not take: bce wants scaled values in [0, 1]. */
cinch_status cn_check_targets(const cn_objective *objective, const cinch_model *model, const cinch_data *data,
                              size_t first, size_t count, cinch_error *error);

#endif
