/* A net that goes by bundles of rows (math/bundles.h): images small enough that a bundle of them stays in the
 * cache, and tables of few columns. There a vector holds one value of several rows, so that nothing is lost
 * at the ends of short rows, and a step of a table with two hidden units costs what its arithmetic costs.
 *
 * A batch is cut into blocks of some bundles, and a block carried through at once by one thread. The sums of
 * its gradients are kept for each place in a bundle by itself: each is over CN_BLOCK_ROWS rows at most, in
 * order. Blocks are added in the tree of train/blocks.h, then the places. So bits depend on the batch and the
 * net alone, not on the threads.
 */
#ifndef CN_TRAIN_BUNDLES_H
#define CN_TRAIN_BUNDLES_H

#include "data/data.h"
#include "train/objective.h"
#include "train/weights.h"

typedef struct cn_bundles cn_bundles;

/* Whether a net goes so: every layer has its passes over bundles and finds them fitting, no penalty looks at
 * codes, and the batch has a few bundles. nodes: with what the planner decided of them. */
bool cn_bundles_fit(const cinch_model *model, const cn_node *nodes, const cn_objective *objective,
                    size_t batch);

/* Everything that so many threads need. The nodes stay the caller's and must outlive it. */
cn_bundles *cn_bundles_new(const cinch_model *model, const cn_node *nodes, cn_weights *weights,
                           const cn_objective *objective, size_t batch, size_t nthread, cinch_error *error);
void cn_bundles_free(cn_bundles *bundles);

/* Rows of a block: threads have whole ones. */
size_t cn_bundles_rows(const cn_bundles *bundles);
size_t cn_bundles_scratch(const cn_bundles *bundles); /* reals for each thread */

/* Says that every step's batch is all `rows` rows of the data, in its order: where they are few they are kept
 * as they were gathered the first time. */
cinch_status cn_bundles_keep(cn_bundles *bundles, size_t rows, cinch_error *error);

/* Before a thread's first block of a batch; then rows [first, first + count) of it, order[] of the data:
 * gathered, forward, backward, and their gradients. */
void cn_bundles_begin(cn_bundles *bundles, size_t thread);
void cn_bundles_carry(cn_bundles *bundles, const cn_step *step, const cinch_data *data, const size_t *order,
                      size_t batch_rows, size_t first, size_t count);

/* After all rows: a tile's gradient, without penalties; the batch's loss without penalties, summed over rows
 * and features. */
void cn_bundles_gradient(const cn_bundles *bundles, const cn_step *step, const cn_tile *tile, void *gradient);
double cn_bundles_loss(const cn_bundles *bundles, size_t batch_rows);

#endif
