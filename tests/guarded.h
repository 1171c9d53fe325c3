/* Arrays that end, or begin, at a page that may not be touched, and the reals in them, for the tests of the
 * kernels: each in every table that runs here. */
#ifndef TESTS_GUARDED_H
#define TESTS_GUARDED_H

#include <math.h>
#include <stdint.h>

#include "math/kernels.h"

static const char *const kernel_names[] = {"plain", "avx2", "avx512", "neon", "double"};
enum { NKERNEL = sizeof kernel_names / sizeof kernel_names[0] };

#define FOR_TABLES(k)                                                                                        \
    for (size_t table_ = 0; table_ < NKERNEL; table_++)                                                      \
        for (const cn_kernels *k = cn_kernels_find(kernel_names[table_]); k; k = NULL)

/* Between two such pages; the bytes within that are not the array's hold a canary. */
typedef struct guarded {
    unsigned char *map;
    size_t nmap, nbytes;
    void *start;
} guarded;

/* Ends at a page that may not be touched, its bytes the canary too; guarded_before begins behind one;
 * guarded_placed does either, so many bytes apart from the page. */
guarded guarded_new(size_t nbytes);
guarded guarded_before(size_t nbytes);
guarded guarded_placed(size_t nbytes, bool before, size_t apart);

/* Fails where a canary is gone. */
void guarded_free(guarded *array);

/* ---- Reals of either precision ------------------------------------------------------------------------- */

static inline double at(const cn_kernels *k, const void *reals, size_t i)
{
    return k->real_size == 4 ? (double)((const float *)reals)[i] : ((const double *)reals)[i];
}

static inline void set(const cn_kernels *k, void *reals, size_t i, double value)
{
    if (k->real_size == 4)
        ((float *)reals)[i] = (float)value;
    else
        ((double *)reals)[i] = value;
}

static inline double epsilon(const cn_kernels *k)
{
    return k->real_size == 4 ? 0x1p-23 : 0x1p-52;
}

/* A sum of `terms` products of which the sizes add up to `size`. */
static inline bool near(const cn_kernels *k, double got, double want, double size, size_t terms)
{
    return fabs(got - want) <= epsilon(k) * size * (4 + (double)terms);
}

static inline void *from(const cn_kernels *k, const guarded *array, size_t place)
{
    return (char *)array->start + place * k->real_size;
}

/* Floats in (-1, 1), the same for the same i. */
static inline double noise(size_t i)
{
    uint32_t bits = (uint32_t)i * 2654435761u + 12345u;
    bits ^= bits >> 15;
    bits *= 2246822519u;
    bits ^= bits >> 13;
    return (double)(float)((double)bits * 0x1p-31 - 1);
}

/* Real i is noise(seed + i). */
void fill(const cn_kernels *k, const guarded *array, size_t seed);
guarded filled(const cn_kernels *k, size_t count, size_t seed);

#endif
