/* A small pool of threads: one task run by all of them, a barrier inside the task, contiguous shares. */
#ifndef CN_BASE_THREADS_H
#define CN_BASE_THREADS_H

#include "base/error.h"

typedef struct cn_threads cn_threads;

/* A pool of `count` threads, the caller's included (0: as many as the machine lets this process use, or
 * CINCH_THREADS where that is set). */
cn_threads *cn_threads_new(size_t count, cinch_error *error);
void cn_threads_free(cn_threads *threads);
size_t cn_threads_count(const cn_threads *threads);

/* Runs task(arg, thread) for thread 0 (the caller) to count-1 and returns when all are done. */
void cn_threads_run(cn_threads *threads, void (*task)(void *arg, size_t thread), void *arg);

/* Inside a task: waits for all; all memory written before it is seen after it. Spins some microseconds, then
 * sleeps, so that more threads than processors still move on. */
void cn_threads_barrier(cn_threads *threads);

/* Thread's contiguous part [*first, *first + *count) of n items, cut at multiples of `unit`. */
void cn_threads_share(size_t n, size_t unit, size_t nthread, size_t thread, size_t *first, size_t *count);

#endif
