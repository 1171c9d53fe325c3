/* What was measured, for people (as text or Markdown) and for programs (as JSON). */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/works/peers.h"

enum { MOST_SETS = 4 };

/* One work: Cinch on the settings' threads and on one, and the peers. */
typedef struct bench_entry {
    const bench_work *work;
    bench_measure many, one;
    double operations;
    bench_outcome outcomes[NPEER];
} bench_entry;

typedef struct bench_report {
    const bench_settings *settings;
    const bench_rows *rows;
    char processor[128];
    size_t set;                 /* of instructions, the one in use */
    double peaks[MOST_SETS][2]; /* GFLOP/s of each: on one thread, on the settings' */
    bench_entry *entries;
    size_t nentry;
} bench_report;

void report_text(const bench_report *report);
void report_markdown(const bench_report *report);
void report_json(const bench_report *report);

#endif
