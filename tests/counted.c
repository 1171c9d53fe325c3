#include "counted.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A block is [CN_ALIGNMENT bytes that begin with its size][the block]. */
counted counted_memory;

static void *counted_allocate(size_t nbytes)
{
    size_t whole = (nbytes + CN_ALIGNMENT + CN_ALIGNMENT - 1) / CN_ALIGNMENT * CN_ALIGNMENT;

    if (++counted_memory.calls == counted_memory.fail_at)
        return NULL;
    if (nbytes > counted_memory.largest)
        counted_memory.largest = nbytes;
    unsigned char *block = nbytes < whole ? aligned_alloc(CN_ALIGNMENT, whole) : NULL;
    if (block == NULL)
        return NULL;
    memcpy(block, &nbytes, sizeof nbytes);
    counted_memory.blocks++;
    counted_memory.live += nbytes;
    if (counted_memory.live > counted_memory.peak)
        counted_memory.peak = counted_memory.live;
    return block + CN_ALIGNMENT;
}

static void counted_release(void *memory)
{
    size_t nbytes;

    if (memory == NULL)
        return;
    unsigned char *block = (unsigned char *)memory - CN_ALIGNMENT;
    memcpy(&nbytes, block, sizeof nbytes);
    counted_memory.blocks--;
    counted_memory.live -= nbytes;
    free(block);
}

static void *counted_resize(void *memory, size_t old_nbytes, size_t nbytes)
{
    void *resized = counted_allocate(nbytes);

    if (resized == NULL)
        return NULL;
    memcpy(resized, memory, old_nbytes < nbytes ? old_nbytes : nbytes);
    counted_release(memory);
    return resized;
}

void counted_begin(size_t fail_at)
{
    static const cn_allocator allocator = {counted_allocate, counted_resize, counted_release};

    counted_memory = (counted){.fail_at = fail_at};
    cn_memory_use(&allocator);
}

void counted_end(void)
{
    cn_memory_use(NULL);
}
