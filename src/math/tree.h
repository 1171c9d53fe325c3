/* The one order in which sums over a batch are added.
 *
 * Rows are summed in order within blocks of CN_BLOCK_ROWS; blocks are added as a binary counter counts:
 *
 *     0+1, 2+3, (0+1)+(2+3), 4+5, 6+7, (4+5)+(6+7), (0..3)+(4..7), ...
 *
 * and what is left at the end is folded from the smallest upwards: of 7 blocks, (0..3) + ((4+5) + 6). So a
 * sum depends on the number of rows alone, not on the kernel, the tile or the thread that adds it.
 *
 * In code: a stack of sums, the latest on top. After block number b was pushed, cn_tree_merges(b) times the
 * top is added to the one below it; at the end, until one is left. The stack never holds more than
 * CN_TREE_LEVELS.
 */
#ifndef CN_MATH_TREE_H
#define CN_MATH_TREE_H

#include <stddef.h>

enum { CN_TREE_LEVELS = 40 }; /* enough for 2^40 blocks */

/* The ones at the end of b: what counting on carries. */
static inline size_t cn_tree_merges(size_t block)
{
    return (size_t)__builtin_ctzll(~(unsigned long long)block);
}

/* The sum of count values in that order. */
double cn_tree_sum(const double *values, size_t count);

#endif
