/* One pass of a net over a batch, as the threads of a training do it one after the other: for the tests that
 * hold two ways through the engine against each other. */
#ifndef TESTS_PASSES_H
#define TESTS_PASSES_H

#include "train/plan.h"

/* What is passed: rows in (0, 1), in the opposite of the data's order. */
typedef struct net {
    const char *encoder, *decoder, *loss, *penalty; /* loss NULL: mse; penalty NULL: none */
    cinch_shape row;
    size_t few;   /* so many of the batch's rows pass; 0: all */
    size_t alone; /* of these the one row, counted from 1 from the data's first, that passes; 0: all do */
    bool keep;    /* where the net goes by bundles they are kept, and pass twice */
} net;

/* Its objective and the gradient of every parameter, packed as it is. */
typedef struct passed {
    double objective;
    size_t nparameter, *counts;
    void **gradients;
    size_t idle; /* nodes that others do the work of */
    bool local, bundles;
} passed;

void recipe_put(cinch_recipe *recipe, const char *key, const char *value);
cinch_data *rows_new(cinch_shape row, size_t rows);

passed passed_new(const net *of, const cn_kernels *kernels, size_t rows, size_t nthread);
void passed_free(passed *done);

/* Fail where the objectives, or the norms over a parameter's gradient, differ by more than `tolerance` of
 * their size; where a bit differs. */
void passed_check_near(const net *of, const cn_kernels *kernels, const passed *want, const passed *got,
                       double tolerance);
void passed_check_same(const net *of, const cn_kernels *kernels, const passed *want, const passed *got);

/* What rounding may do to a gradient. */
double passed_tolerance(const cn_kernels *kernels);

#endif
