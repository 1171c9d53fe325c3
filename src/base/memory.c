#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A block is [CN_ALIGNMENT bytes that begin with the block's size][the caller's bytes]. */
typedef struct head {
    size_t nbytes; /* the caller's */
} head;

static const cn_allocator standard_allocator;
static const cn_allocator *allocator = &standard_allocator;

static head *head_of(void *memory)
{
    return (head *)(void *)((char *)memory - CN_ALIGNMENT);
}

bool cn_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool cn_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static void *fail(size_t count, size_t size, cinch_error *error)
{
    size_t nbytes;
    if (cn_multiply(count, size, &nbytes))
        cn_fail(error, CINCH_MEMORY, "out of memory: no %zu bytes left to allocate", nbytes);
    else
        cn_fail(error, CINCH_MEMORY, "out of memory: %zu times %zu bytes are more than can be addressed",
                count, size);
    return NULL;
}

static void *claim(size_t count, size_t size, size_t *nbytes, cinch_error *error)
{
    size_t whole;
    char *block = NULL;
    if (cn_multiply(count, size, nbytes) && cn_add(*nbytes, CN_ALIGNMENT, &whole))
        block = allocator->allocate(whole);
    if (!block)
        return fail(count, size, error);
    ((head *)(void *)block)->nbytes = *nbytes;
    return block + CN_ALIGNMENT;
}

void *cn_new(size_t count, size_t size, cinch_error *error)
{
    size_t nbytes;
    void *memory = claim(count, size, &nbytes, error);
    if (memory)
        memset(memory, 0, nbytes);
    return memory;
}

void *cn_resize(void *memory, size_t count, size_t size, cinch_error *error)
{
    size_t nbytes, whole;
    if (!memory)
        return claim(count, size, &nbytes, error);
    char *block = NULL;
    if (cn_multiply(count, size, &nbytes) && cn_add(nbytes, CN_ALIGNMENT, &whole))
        block = allocator->resize(head_of(memory), head_of(memory)->nbytes + CN_ALIGNMENT, whole);
    if (!block)
        return fail(count, size, error);
    ((head *)(void *)block)->nbytes = nbytes;
    return block + CN_ALIGNMENT;
}

char *cn_copy_text(const char *text, cinch_error *error)
{
    size_t nbytes = strlen(text) + 1;
    char *copy = cn_resize(NULL, nbytes, 1, error);
    if (copy)
        memcpy(copy, text, nbytes);
    return copy;
}

void cn_free(void *memory)
{
    if (memory)
        allocator->release(head_of(memory));
}

void cn_memory_use(const cn_allocator *other)
{
    allocator = other ? other : &standard_allocator;
}

/* ---- The C library's allocator ------------------------------------------------------------------------- */

/* Bytes in blocks of at least LARGE. A system that overcommits gives what it does not have, and kills who
 * uses it: so no more than the machine's memory is taken. */
static size_t large_bytes;
enum { LARGE = 1 << 24 };

/* Blocks of at least PAGED bytes begin at a large page's. */
enum { LARGE_PAGE = 1 << 21, PAGED = 2 * LARGE_PAGE };

static bool machine_has(size_t nbytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t taken = __atomic_load_n(&large_bytes, __ATOMIC_RELAXED), all;
    if (pages <= 0 || page <= 0 || !cn_multiply((size_t)pages, (size_t)page, &all))
        return true;
    return taken < all && nbytes < all - taken;
}

/* Columns of a large array are read a few values a page: with pages of 4 KB most of the time would be spent on
 * finding them. Asked for, not needed. */
static void want_large_pages(void *memory, size_t nbytes)
{
#ifdef MADV_HUGEPAGE
    madvise(memory, nbytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#else
    (void)memory, (void)nbytes;
#endif
}

/* C11 asks for a size that is a multiple of the alignment. */
static void *standard_allocate(size_t nbytes)
{
    const size_t alignment = nbytes >= PAGED ? LARGE_PAGE : CN_ALIGNMENT;
    size_t padded;
    if (!cn_add(nbytes, alignment - 1, &padded) || (nbytes >= LARGE && !machine_has(nbytes)))
        return NULL;
    void *memory = aligned_alloc(alignment, padded / alignment * alignment);
    if (memory && nbytes >= PAGED)
        want_large_pages(memory, nbytes);
    if (memory && nbytes >= LARGE)
        __atomic_add_fetch(&large_bytes, nbytes, __ATOMIC_RELAXED);
    return memory;
}

/* The block's size is that which `claim` wrote at its beginning. */
static void standard_release(void *memory)
{
    size_t nbytes = memory ? ((head *)memory)->nbytes + CN_ALIGNMENT : 0;
    if (nbytes >= LARGE)
        __atomic_sub_fetch(&large_bytes, nbytes, __ATOMIC_RELAXED);
    free(memory);
}

/* realloc does not keep the alignment. */
static void *standard_resize(void *memory, size_t old_nbytes, size_t nbytes)
{
    void *moved = standard_allocate(nbytes);
    if (!moved)
        return NULL;
    memcpy(moved, memory, old_nbytes < nbytes ? old_nbytes : nbytes);
    standard_release(memory);
    return moved;
}

static const cn_allocator standard_allocator = {
    .allocate = standard_allocate,
    .resize = standard_resize,
    .release = standard_release,
};
