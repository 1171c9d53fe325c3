/* What Cinch takes for a work, on so many threads. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "bench/works/rows.h"
#include "bench/works/settings.h"
#include "bench/works/work.h"

/* Trains the net that a work only runs, an epoch on few rows. Before the first ours_measure of such a
 * work. */
cinch_status ours_prepare(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                          cinch_error *error);

/* One round. */
cinch_status ours_measure(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                          size_t threads, bench_measure *measure, cinch_error *error);

/* Operations of an epoch, an iteration or a call of so many rows (work_operations), 0 for WORK_COLD; after a
 * measurement. */
double ours_operations(const bench_work *work, const bench_settings *settings, size_t nrow,
                       cinch_error *error);

#endif
