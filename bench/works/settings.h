/* What bench_works was asked to do, and where things are; set once. */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_settings {
    const char *cinch;   /* the command */
    const char *nothing; /* a program that does nothing */
    const char *folder;  /* where runs, logs and stand-in data go */
    const char *peers;   /* the folder of their environments; NULL for none */
    size_t threads;
    size_t epochs;     /* measured in a turn */
    size_t iterations; /* of one short run of donut-tied, which counts as an epoch */
    size_t rounds;     /* turns, in each Cinch and the peers once */
    size_t limit;      /* rows of the training data; 0 for all */
    size_t seconds;    /* a peer's turn ends earlier where its epochs take longer */
} bench_settings;

/* What was measured of one program at one work, the best of `count`. */
typedef struct bench_measure {
    double seconds;    /* an epoch's, an iteration's, a call's; 0 where nothing was measured */
    double whole;      /* of a command: start to end, per epoch; else 0 */
    double loss;       /* of the last epoch; NaN where there is none */
    size_t count;      /* epochs, iterations, calls */
    size_t rows;       /* in an epoch or a call */
    size_t peak_bytes; /* of memory */
} bench_measure;

/* Takes the better of both. */
void measure_merge(bench_measure *measure, const bench_measure *other);

enum { PATH_ROOM = 512 };

#endif
