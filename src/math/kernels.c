/* Which table of kernels runs here. */
#include <stdlib.h>
#include <string.h>

#include "math/kernels.h"

/* Without a name where the compiler or its target has no such instructions. */
extern const cn_kernels cn_kernels_avx2, cn_kernels_avx512, cn_kernels_neon;

#if defined(__x86_64__)
static bool runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool runs_avx512(void)
{
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}
#else
static bool runs_avx2(void)
{
    return false;
}

static bool runs_avx512(void)
{
    return false;
}
#endif

static bool runs_anywhere(void)
{
    return true;
}

/* The float tables, the fastest first; then the double one, which is never chosen, only found. */
static const struct {
    const char *name;
    const cn_kernels *kernels;
    bool (*runs)(void);
} tables[] = {
    {"avx512", &cn_kernels_avx512, runs_avx512}, /* x86-64 */
    {"avx2", &cn_kernels_avx2, runs_avx2},       /* x86-64 */
    {"neon", &cn_kernels_neon, runs_anywhere},   /* AArch64: each has it */
    {"plain", &cn_kernels_plain, runs_anywhere}, /* C */
    {"double", &cn_kernels_double, runs_anywhere},
};

enum { NTABLE = sizeof tables / sizeof tables[0], NFLOAT = NTABLE - 1 };

static const cn_kernels *usable(size_t table)
{
    return tables[table].kernels->name && tables[table].runs() ? tables[table].kernels : NULL;
}

const cn_kernels *cn_kernels_find(const char *name)
{
    for (size_t i = 0; i < NTABLE; i++)
        if (strcmp(tables[i].name, name) == 0)
            return usable(i);
    return NULL;
}

static const cn_kernels *asked_for(const char *name, cinch_error *error)
{
    for (size_t i = 0; i < NFLOAT; i++)
        if (strcmp(tables[i].name, name) == 0) {
            if (!usable(i))
                cn_fail(error, CINCH_USAGE,
                        "CINCH_CPU: this processor cannot run \"%s\"; unset it, or take plain", name);
            return usable(i);
        }
    cn_fail(error, CINCH_USAGE, "CINCH_CPU: unknown \"%s\"; there are: plain, avx2, avx512, neon", name);
    return NULL;
}

static const cn_kernels *fastest(void)
{
    size_t i = 0;
    while (!usable(i))
        i++;
    return usable(i);
}

const cn_kernels *cn_kernels_choose(cinch_error *error)
{
    static const cn_kernels *chosen;
    const cn_kernels *kernels = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
    if (kernels)
        return kernels;
    const char *name = getenv("CINCH_CPU");
    kernels = name && *name ? asked_for(name, error) : fastest();
    if (kernels)
        __atomic_store_n(&chosen, kernels, __ATOMIC_RELEASE);
    return kernels;
}
