/* The fixed tree over doubles. */
#include "math/tree.h"
#include "math/kernels.h"

static double sum_in_order(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

double cn_tree_sum(const double *values, size_t count)
{
    double levels[CN_TREE_LEVELS + 1] = {0};
    size_t depth = 0;
    for (size_t first = 0; first < count; first += CN_BLOCK_ROWS) {
        size_t left = count - first;
        levels[depth++] = sum_in_order(values + first, left < CN_BLOCK_ROWS ? left : CN_BLOCK_ROWS);
        for (size_t merges = cn_tree_merges(first / CN_BLOCK_ROWS); merges > 0; merges--, depth--)
            levels[depth - 2] += levels[depth - 1];
    }
    for (; depth > 1; depth--)
        levels[depth - 2] += levels[depth - 1];
    return levels[0];
}
