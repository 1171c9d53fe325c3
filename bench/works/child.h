/* A process of its own for what is measured, so that its time, its peak of memory and its threads are its
 * own: a command, or a function of this program. It may use as many processors as it is given, one a core as
 * long as there are cores, so that a peer that takes all there are takes as many as Cinch. Waits for its
 * end. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bench_child {
    /* in */
    size_t threads;    /* CINCH_THREADS and OMP_NUM_THREADS */
    size_t processors; /* that it may use; 0: as many as threads */
    const char *log;   /* where its standard error goes; NULL for nowhere */
    char *output;      /* gets the beginning of its standard output, NUL-terminated; NULL: not wanted */
    size_t noutput;    /* room in output */
    /* out */
    int status;        /* what it exited with; 128 + the signal that ended it; -1 where it could not start */
    double seconds;    /* from before its start to its end */
    size_t peak_bytes; /* its peak of resident memory */
} bench_child;

/* argv ends in NULL. The status tells whether all is well. */
void child_run(char *const argv[], bench_child *child);

/* Calls function(argument, result) there; what it leaves in result[nbytes] comes back where the status is
 * 0. */
void child_call(void (*function)(const void *argument, void *result), const void *argument, void *result,
                size_t nbytes, bench_child *child);

/* How many processors a child may have at most. */
size_t child_processors(void);

/* Seconds of a clock that only goes on. */
double clock_seconds(void);

#endif
