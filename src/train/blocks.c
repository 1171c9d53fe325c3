#include "train/blocks.h"

#include <string.h>

#include "base/memory.h"
#include "math/elementwise.h"

enum { MOST_NODES = 2 * 64 + 2 }; /* of one thread: on either side of its largest node one of each size */

/* A sum over 2^level blocks, from one that is a multiple of that. */
typedef struct node {
    size_t block, level;
} node;

/* A thread's nodes, one after the other; the last ones are still to be merged. */
typedef struct cn_pile {
    node nodes[MOST_NODES];
    size_t depth;
} cn_pile;

struct cn_blocks {
    size_t real_size, count, nthread;
    size_t room;    /* nodes of one thread */
    cn_pile *piles; /* [threads] */
    void *values;   /* [threads][room][count] */
};

cn_blocks *cn_blocks_new(const cn_kernels *kernels, size_t count, size_t rows, size_t nthread,
                         cinch_error *error)
{
    cn_blocks *blocks = cn_new(1, sizeof *blocks, error);
    size_t levels = 1, all;
    if (!blocks)
        return NULL;
    while (levels < 60 && rows > (size_t)CN_SUM_ROWS << levels)
        levels++;
    *blocks = (cn_blocks){.real_size = kernels->real_size,
                          .count = cn_round_up(count, CN_PANEL),
                          .nthread = nthread,
                          .room = 2 * levels + 2};
    blocks->piles = cn_new(nthread, sizeof *blocks->piles, error);
    if (!cn_multiply(nthread * blocks->room, blocks->count, &all))
        cn_fail(error, CINCH_MEMORY, "the gradients of %zu values are too large", count);
    else
        blocks->values = cn_new(all, blocks->real_size, error);
    if (!blocks->piles || !blocks->values) {
        cn_blocks_free(blocks);
        return NULL;
    }
    return blocks;
}

void cn_blocks_free(cn_blocks *blocks)
{
    if (!blocks)
        return;
    cn_free(blocks->piles);
    cn_free(blocks->values);
    cn_free(blocks);
}

static void *values_of(const cn_blocks *blocks, size_t thread, size_t place)
{
    return (char *)blocks->values + (thread * blocks->room + place) * blocks->count * blocks->real_size;
}

#define ADD(real)                                                                                            \
    CN_CLONES static void add_##real(size_t count, void *sums, const void *more)                             \
    {                                                                                                        \
        real *to = sums;                                                                                     \
        const real *from = more;                                                                             \
        CN_INDEPENDENT                                                                                       \
        for (size_t i = 0; i < count; i++)                                                                   \
            to[i] += from[i];                                                                                \
    }
ADD(float)
ADD(double)

static void add(const cn_blocks *blocks, size_t count, void *sums, const void *more)
{
    (blocks->real_size == sizeof(float) ? add_float : add_double)(count, sums, more);
}

/* Whether the last two of so many nodes are halves of one. */
static bool halves(const node *nodes, size_t depth)
{
    if (depth < 2)
        return false;
    const node *left = &nodes[depth - 2], *right = &nodes[depth - 1];
    return left->level == right->level && (left->block >> left->level) % 2 == 0;
}

void cn_blocks_begin(cn_blocks *blocks, size_t thread)
{
    blocks->piles[thread].depth = 0;
}

void *cn_blocks_open(cn_blocks *blocks, size_t thread)
{
    return values_of(blocks, thread, blocks->piles[thread].depth);
}

void cn_blocks_clear(cn_blocks *blocks, size_t thread)
{
    memset(cn_blocks_open(blocks, thread), 0, blocks->count * blocks->real_size);
}

void cn_blocks_close(cn_blocks *blocks, size_t thread, size_t block)
{
    cn_pile *pile = &blocks->piles[thread];
    pile->nodes[pile->depth++] = (node){block, 0};
    for (; halves(pile->nodes, pile->depth); pile->depth--) {
        add(blocks, blocks->count, values_of(blocks, thread, pile->depth - 2),
            values_of(blocks, thread, pile->depth - 1));
        pile->nodes[pile->depth - 2].level++;
    }
}

void cn_blocks_total(const cn_blocks *blocks, size_t first, size_t count, void *reals)
{
    enum { AT_A_TIME = 64 };
    union {
        double doubles[MOST_NODES][AT_A_TIME];
        float floats[MOST_NODES][AT_A_TIME];
    } sums;
    for (size_t done = 0; done < count; done += AT_A_TIME) {
        size_t part = count - done < AT_A_TIME ? count - done : AT_A_TIME, depth = 0;
        size_t size = AT_A_TIME * blocks->real_size;
        node nodes[MOST_NODES];
        for (size_t thread = 0; thread < blocks->nthread; thread++)
            for (size_t i = 0; i < blocks->piles[thread].depth; i++) {
                nodes[depth] = blocks->piles[thread].nodes[i];
                memcpy((char *)&sums + depth++ * size,
                       (char *)values_of(blocks, thread, i) + (first + done) * blocks->real_size,
                       part * blocks->real_size);
                for (; halves(nodes, depth); depth--) {
                    add(blocks, part, (char *)&sums + (depth - 2) * size, (char *)&sums + (depth - 1) * size);
                    nodes[depth - 2].level++;
                }
            }
        for (; depth > 1; depth--)
            add(blocks, part, (char *)&sums + (depth - 2) * size, (char *)&sums + (depth - 1) * size);
        memcpy((char *)reals + done * blocks->real_size, &sums, part * blocks->real_size);
    }
}
