/* Running a program of primitives: the planner's other half. What goes together is fused (a matrix product or
 * a convolution with bias and activation, and with the latter an upsampling or a pooling), weights are packed
 * once, and a run allocates nothing. Images go over bundles of
 * rows (math/bundles.h), where there are some. */
#ifndef CN_TRAIN_INFERENCE_H
#define CN_TRAIN_INFERENCE_H

#include "model/model.h"

typedef struct cn_inference cn_inference;

/* Plans nodes [first, first + count) of the model for nthread threads, each with its own buffers. */
cn_inference *cn_inference_new(const cinch_model *model, size_t first, size_t count,
                               const cn_kernels *kernels, size_t nthread, cinch_error *error);
void cn_inference_free(cn_inference *inference);

/* To be called before runs of `rows` rows in all: many are worth plans that a few are done without, and come
 * out in the same bits. */
cinch_status cn_inference_prepare(cn_inference *inference, size_t rows, cinch_error *error);

/* Rows of one run at most. */
size_t cn_inference_rows(const cn_inference *inference);

/* The thread's input buffer, [rows][stride], to fill before a run. */
float *cn_inference_input(const cn_inference *inference, size_t thread, size_t *stride);

/* Runs the thread's first `rows` rows; the result lies in the thread's buffers until its next run. */
const float *cn_inference_run(const cn_inference *inference, size_t thread, size_t rows, size_t *stride);

#endif
