#include "bench/works/peak.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "bench/works/child.h"
#include "math/kernels.h"

enum { SUMS = 12, STEPS = 1 << 20, TRIALS = 4, MOST_THREADS = 256 };

#define EACH(action)                                                                                         \
    action(0) action(1) action(2) action(3) action(4) action(5) action(6) action(7) action(8) action(9)      \
        action(10) action(11)
#define BEGIN(i) reals sum##i = start + i;
#define STEP(i)  sum##i = MULTIPLY_ADD(sum##i, factor, term);
#define ADD(i)   start += sum##i;

/* The sums go to term / (1 - factor), so that none overflows or dies away. */
#define LOOP(name, type, target)                                                                             \
    target static float loop_##name(float seed, size_t steps)                                                \
    {                                                                                                        \
        typedef type reals;                                                                                  \
        reals start = seed - (reals){0}, factor = 0 * start + 0.5f, term = 0 * start + seed;                 \
        EACH(BEGIN)                                                                                          \
        for (size_t i = 0; i < steps; i++) {                                                                 \
            EACH(STEP)                                                                                       \
        }                                                                                                    \
        EACH(ADD)                                                                                            \
        return start[0];                                                                                     \
    }

#if defined(__x86_64__)
#define MULTIPLY_ADD _mm512_fmadd_ps
LOOP(avx512, __m512, __attribute__((target("avx512f"))))
#undef MULTIPLY_ADD
#define MULTIPLY_ADD _mm256_fmadd_ps
LOOP(avx2, __m256, __attribute__((target("avx2,fma"))))
#undef MULTIPLY_ADD
#elif defined(__aarch64__)
#define MULTIPLY_ADD(a, b, c) vfmaq_f32(c, a, b)
LOOP(neon, float32x4_t, )
#undef MULTIPLY_ADD
#endif
typedef float four_floats __attribute__((vector_size(16)));
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
LOOP(plain, four_floats, )

/* The last one runs anywhere. */
static const struct set {
    const char *name;
    float (*loop)(float seed, size_t steps);
    size_t lanes;
} sets[] = {
#if defined(__x86_64__)
    {"avx512", loop_avx512, 16},
    {"avx2", loop_avx2, 8},
#elif defined(__aarch64__)
    {"neon", loop_neon, 4},
#endif
    {"plain", loop_plain, 4},
};

enum { NSET = sizeof sets / sizeof sets[0] };

const char *peak_name(size_t set)
{
    return set < NSET ? sets[set].name : NULL;
}

size_t peak_set_in_use(void)
{
    const cn_kernels *kernels = cn_kernels_choose(NULL);
    size_t set = 0;
    while (set < NSET - 1 && kernels && strcmp(sets[set].name, kernels->name) != 0)
        set++;
    return set;
}

/* ---- On threads ---------------------------------------------------------------------------------------- */

struct run {
    const struct set *set;
    size_t threads;
    pthread_barrier_t start;
};

struct thread {
    struct run *run;
    pthread_t id;
    double began, ended;
    float result;
};

static void *run_once(void *arg)
{
    struct thread *thread = arg;
    pthread_barrier_wait(&thread->run->start);
    thread->began = clock_seconds();
    thread->result = thread->run->set->loop(1, STEPS);
    thread->ended = clock_seconds();
    return NULL;
}

/* Seconds from the first one's beginning to the last one's end; infinite where not all could be had. */
static double time_threads(struct run *run)
{
    struct thread threads[MOST_THREADS];
    size_t count = 0;
    double began = INFINITY, ended = 0;
    if (pthread_barrier_init(&run->start, NULL, (unsigned)run->threads) != 0)
        return INFINITY;
    for (; count < run->threads; count++) {
        threads[count].run = run;
        if (pthread_create(&threads[count].id, NULL, run_once, &threads[count]) != 0)
            return INFINITY; /* the others wait until the process ends, which is soon */
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
        began = fmin(began, threads[i].began);
        ended = fmax(ended, threads[i].ended);
    }
    pthread_barrier_destroy(&run->start);
    return ended - began;
}

static void measure(const void *argument, void *result)
{
    struct run run = *(const struct run *)argument;
    double *rate = result;
    double operations = 2.0 * SUMS * STEPS * (double)(run.set->lanes * run.threads);
    for (size_t trial = 0; trial < TRIALS; trial++) {
        *rate = fmax(*rate, 1e-9 * operations / time_threads(&run));
    }
}

double peak_measure(size_t set, size_t threads)
{
    struct run run = {.set = &sets[set], .threads = threads < MOST_THREADS ? threads : MOST_THREADS};
    bench_child child = {.threads = threads};
    double rate = 0;
    if (cn_kernels_find(sets[set].name))
        child_call(measure, &run, &rate, sizeof rate, &child);
    return child.status == 0 ? rate : 0;
}
