/* An allocator that counts, and that fails when told to: the tests put it in the place of the C library's. */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <stddef.h>

typedef struct counted {
    size_t calls;      /* allocations and resizings so far */
    size_t fail_at;    /* the call, from 1, that fails; 0 for none */
    size_t live, peak; /* bytes */
    size_t largest;    /* one allocation */
    size_t blocks;     /* not yet released */
} counted;

extern counted counted_memory;

/* Starts from nothing and is in use from now on; the call numbered fail_at fails. Call it while nothing is
 * held. */
void counted_begin(size_t fail_at);
void counted_end(void);

#endif
