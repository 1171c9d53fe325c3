#include "guarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { CANARY = 0xa5 };

/* [page without access][room][page without access] */
static guarded map_it(size_t nbytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = cn_round_up(nbytes + !nbytes, page);
    guarded array = {.nmap = room + 2 * page, .nbytes = nbytes};
    array.map = mmap(NULL, array.nmap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(array.map != MAP_FAILED);
    memset(array.map + page, CANARY, room);
    assert_int_equal(mprotect(array.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(array.map + page + room, page, PROT_NONE), 0);
    return array;
}

guarded guarded_new(size_t nbytes)
{
    return guarded_placed(nbytes, false, 0);
}

guarded guarded_before(size_t nbytes)
{
    return guarded_placed(nbytes, true, 0);
}

guarded guarded_placed(size_t nbytes, bool before, size_t apart)
{
    guarded array = map_it(nbytes + apart);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    array.nbytes = nbytes;
    array.start = before ? array.map + page + apart : array.map + array.nmap - page - nbytes - apart;
    return array;
}

void guarded_free(guarded *array)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *first = array->start, *end = first + array->nbytes;
    for (unsigned char *byte = array->map + page; byte < first; byte++)
        assert_int_equal(*byte, CANARY);
    for (unsigned char *byte = end; byte < array->map + array->nmap - page; byte++)
        assert_int_equal(*byte, CANARY);
    munmap(array->map, array->nmap);
}

void fill(const cn_kernels *k, const guarded *array, size_t seed)
{
    for (size_t i = 0; i < array->nbytes / k->real_size; i++)
        set(k, array->start, i, noise(seed + i));
}

guarded filled(const cn_kernels *k, size_t count, size_t seed)
{
    guarded array = guarded_new(count * k->real_size);
    fill(k, &array, seed);
    return array;
}
