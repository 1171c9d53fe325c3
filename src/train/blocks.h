/* Gradients that are summed while the rows go by: a convolution's parameters are few, its images many, and an
 * image's gradient is had soonest when its passes have just left it in the cache.
 *
 * A batch is cut into blocks of CN_SUM_ROWS rows, summed in order; the blocks are added in the tree of
 * math/tree.h, a finer one than that over blocks of CN_BLOCK_ROWS, with the same nodes above it. A thread has
 * some blocks in a row; it adds what lies whole within its part and keeps the rest apart, and `total` adds
 * the threads' sums as one thread would have. So the bits do not depend on the threads.
 */
#ifndef CN_TRAIN_BLOCKS_H
#define CN_TRAIN_BLOCKS_H

#include "math/kernels.h"

enum { CN_SUM_ROWS = 8 };

typedef struct cn_blocks cn_blocks;

/* Sums of `count` reals, over batches of at most `rows` rows. */
cn_blocks *cn_blocks_new(const cn_kernels *kernels, size_t count, size_t rows, size_t nthread,
                         cinch_error *error);
void cn_blocks_free(cn_blocks *blocks);

/* Before a thread's first block of a batch. */
void cn_blocks_begin(cn_blocks *blocks, size_t thread);

/* Where the thread's next block is summed, [count], not cleared; that cleared; and that block number `block`
 * is whole: the thread's blocks come in order. */
void *cn_blocks_open(cn_blocks *blocks, size_t thread);
void cn_blocks_clear(cn_blocks *blocks, size_t thread);
void cn_blocks_close(cn_blocks *blocks, size_t thread, size_t block);

/* After all threads' blocks: reals[0..count) = the sums [first, first + count) over the batch. */
void cn_blocks_total(const cn_blocks *blocks, size_t first, size_t count, void *reals);

#endif
