/* Checked memory: sizes as (count, size), products that overflow refused, one allocator that tests
 * replace. */
#ifndef CN_BASE_MEMORY_H
#define CN_BASE_MEMORY_H

#include "base/error.h"

enum { CN_ALIGNMENT = 64 };

/* count*size zeroed bytes, aligned to CN_ALIGNMENT; NULL and CINCH_MEMORY on failure. count or size 0 gives a
 * valid pointer. */
void *cn_new(size_t count, size_t size, cinch_error *error);

/* Grows or shrinks what cn_new gave, keeping min(old, new) bytes; new bytes are not zeroed. memory NULL: a
 * new block, not zeroed. NULL leaves the old. */
void *cn_resize(void *memory, size_t count, size_t size, cinch_error *error);

char *cn_copy_text(const char *text, cinch_error *error);
void cn_free(void *memory); /* NULL is fine */

/* a*b and a+b where they fit. */
bool cn_multiply(size_t a, size_t b, size_t *product);
bool cn_add(size_t a, size_t b, size_t *sum);

/* The allocator behind it; cn_memory_use(NULL) puts the C library's back. `resize` must keep alignment to
 * CN_ALIGNMENT too. Set it before any other call of the library. */
typedef struct cn_allocator {
    void *(*allocate)(size_t nbytes);
    void *(*resize)(void *memory, size_t old_nbytes, size_t nbytes);
    void (*release)(void *memory);
} cn_allocator;

void cn_memory_use(const cn_allocator *allocator);

#endif
