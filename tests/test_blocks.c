/* Sums while the rows go by (train/blocks.h): of any number of rows, cut for any number of threads, the same
 * bits, and those of the tree that math/tree.h describes, over blocks of CN_SUM_ROWS rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/threads.h"
#include "tests/guarded.h"
#include "train/blocks.h"

enum { COUNT = 75, MOST_ROWS = 5000 };

/* Of sizes that differ so much that another order of the sums gives other bits. */
static double value(size_t row, size_t place)
{
    double scale = (double)(1u << (row * 7 + place) % 23);
    return (double)(float)(noise(row * COUNT + place) * scale);
}

static double rounded(const cn_kernels *k, double sum)
{
    return k->real_size == 4 ? (double)(float)sum : sum;
}

/* Rows in order within a block; of more blocks the largest power of two of them below all, and the rest. */
static double tree(const cn_kernels *k, size_t place, size_t first, size_t rows)
{
    double sum = 0;
    if (rows <= CN_SUM_ROWS) {
        for (size_t r = first; r < first + rows; r++)
            sum = rounded(k, sum + value(r, place));
        return sum;
    }
    size_t left = CN_SUM_ROWS;
    while (left * 2 < rows)
        left *= 2;
    return rounded(k, tree(k, place, first, left) + tree(k, place, first + left, rows - left));
}

/* What a plan does: each thread its share, block after block. */
static void sum_share(cn_blocks *blocks, const cn_kernels *k, size_t rows, size_t nthread, size_t thread)
{
    size_t first, count;
    cn_threads_share(rows, CN_SUM_ROWS, nthread, thread, &first, &count);
    cn_blocks_begin(blocks, thread);
    for (size_t row = first, end = first + count; row < end; row += CN_SUM_ROWS) {
        void *sums = cn_blocks_open(blocks, thread);
        for (size_t place = 0; place < COUNT; place++) {
            double sum = 0;
            for (size_t r = row; r < end && r < row + CN_SUM_ROWS; r++)
                sum = rounded(k, sum + value(r, place));
            set(k, sums, place, sum);
        }
        assert_int_equal(row % CN_SUM_ROWS, 0);
        cn_blocks_close(blocks, thread, row / CN_SUM_ROWS);
    }
}

static void check(cn_blocks *blocks, const cn_kernels *k, size_t rows, size_t nthread, size_t most)
{
    guarded total = guarded_new(COUNT * k->real_size);
    for (size_t thread = nthread; thread-- > 0;) /* in whatever order they come */
        sum_share(blocks, k, rows, nthread, thread);
    size_t third = COUNT / 3;
    cn_blocks_total(blocks, 0, third, total.start);
    cn_blocks_total(blocks, third, COUNT - third, (char *)total.start + third * k->real_size);
    for (size_t place = 0; place < COUNT; place++)
        if (at(k, total.start, place) != tree(k, place, 0, rows))
            fail_msg("%s: %zu rows of at most %zu by %zu threads, sum %zu: %a, not %a", k->name, rows, most,
                     nthread, place, at(k, total.start, place), tree(k, place, 0, rows));
    guarded_free(&total);
}

static void check_batches(size_t most, size_t from, size_t to, size_t step)
{
    static const size_t threads[] = {1, 2, 3, 8};
    static const cn_kernels *const tables[] = {&cn_kernels_plain, &cn_kernels_double};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t table = 0; table < 2; table++) {
            cn_blocks *blocks = cn_blocks_new(tables[table], COUNT, most, threads[t], NULL);
            assert_non_null(blocks);
            for (size_t rows = from; rows <= to; rows += step)
                check(blocks, tables[table], rows, threads[t], most);
            check(blocks, tables[table], 1, threads[t], most); /* a small last batch */
            cn_blocks_free(blocks);
        }
}

static void test_batches(void **state)
{
    (void)state;
    check_batches(200, 1, 200, 1);
}

/* As large as the room is for: each number of levels, and the most nodes that a thread can hold. */
static void test_full_batches(void **state)
{
    (void)state;
    for (size_t most = 1; most <= MOST_ROWS; most = most < 20 ? most + 1 : most * 3 / 2) {
        check_batches(most, most, most, 1);
        size_t whole = most / CN_SUM_ROWS * CN_SUM_ROWS;
        if (whole)
            check_batches(most, whole, whole, 1);
    }
    check_batches(2040, 2040, 2040, 1); /* 255 blocks: none but odd ends */
    check_batches(4088, 4080, 4088, 4);
}

/* Another order is seen: else the above could not fail. */
static void test_order_shows(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t place = 0; place < COUNT; place++) {
        double sum = 0;
        for (size_t r = 0; r < 200; r++)
            sum = rounded(&cn_kernels_plain, sum + value(r, place));
        differ += sum != tree(&cn_kernels_plain, place, 0, 200);
    }
    assert_true(differ > COUNT / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_full_batches),
        cmocka_unit_test(test_order_shows),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
