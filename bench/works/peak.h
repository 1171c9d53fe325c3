/* The most float arithmetic that this machine does: a loop of multiply-adds in registers, 12 sums at a time,
 * so that the latency of one is hidden behind the others. One such loop per instruction set that Cinch has
 * kernels for. What a net reaches of it is its share of the peak. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

#include <stddef.h>

/* The sets by their index, named as CINCH_CPU names them; NULL past the last. */
const char *peak_name(size_t set);

/* GFLOP/s of `threads` threads at once, a multiply-add counted as two; 0 where the processor lacks the set.
 * Takes some 50 ms. */
double peak_measure(size_t set, size_t threads);

/* The set that Cinch's kernels use here. */
size_t peak_set_in_use(void);

#endif
