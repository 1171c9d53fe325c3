#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    MOST_THREADS = 1024,
    SPINS = 1000,      /* 10 to 40 microseconds of pauses: longer than a small step's share */
    SPINS_CROWDED = 50 /* where a spinning thread keeps a working one from its processor */
};

/* A pool is one barrier used for everything. Workers wait at it for a task; the caller sets the task and
 * arrives; all run it, its own barriers included, and meet once more at its end. A round ends when `count`
 * threads have arrived; who comes last starts the next by counting `round` up, which is what the others
 * watch. */
struct cn_threads {
    size_t count, spins;
    size_t nworker; /* workers that live, at most count - 1 */
    struct worker *workers;
    /* NULL ends the workers; written before the round that hands it over. */
    void (*task)(void *arg, size_t thread);
    void *arg;
    pthread_mutex_t mutex; /* of the sleep */
    pthread_cond_t moved;
    alignas(CN_ALIGNMENT) atomic_size_t arrived;
    alignas(CN_ALIGNMENT) atomic_uint round;
    atomic_size_t sleeping;
};

struct worker {
    cn_threads *threads;
    size_t index;
    pthread_t thread;
};

/* ---- The barrier --------------------------------------------------------------------------------------- */

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_through(cn_threads *threads, unsigned round)
{
    pthread_mutex_lock(&threads->mutex);
    atomic_fetch_add(&threads->sleeping, 1);
    while (atomic_load(&threads->round) == round)
        pthread_cond_wait(&threads->moved, &threads->mutex);
    atomic_fetch_sub(&threads->sleeping, 1);
    pthread_mutex_unlock(&threads->mutex);
}

/* A sleeper counts itself and then looks at `round`; this counts `round` up and then looks for sleepers.
 * In the one order of sequentially consistent operations one of the two sees the other, so nobody is left
 * asleep. */
static void start_round(cn_threads *threads, unsigned round)
{
    atomic_store_explicit(&threads->arrived, 0, memory_order_relaxed);
    atomic_store(&threads->round, round + 1);
    if (atomic_load(&threads->sleeping) == 0)
        return;
    pthread_mutex_lock(&threads->mutex);
    pthread_cond_broadcast(&threads->moved);
    pthread_mutex_unlock(&threads->mutex);
}

/* Arrives for `arrivals` threads and waits for the round's end. `round` cannot move before this arrival is
 * counted, so it may be read ahead of it. */
static void arrive(cn_threads *threads, size_t arrivals)
{
    unsigned round = atomic_load_explicit(&threads->round, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&threads->arrived, arrivals, memory_order_acq_rel);
    if (before + arrivals == threads->count) {
        start_round(threads, round);
        return;
    }
    for (size_t i = 0; i < threads->spins; i++) {
        if (atomic_load_explicit(&threads->round, memory_order_acquire) != round)
            return;
        pause_briefly();
    }
    sleep_through(threads, round);
}

void cn_threads_barrier(cn_threads *threads)
{
    if (threads->count > 1)
        arrive(threads, 1);
}

/* ---- Tasks --------------------------------------------------------------------------------------------- */

static void *work(void *arg)
{
    struct worker *worker = arg;
    cn_threads *threads = worker->threads;
    for (;;) {
        arrive(threads, 1);
        if (!threads->task)
            return NULL;
        threads->task(threads->arg, worker->index);
        arrive(threads, 1);
    }
}

void cn_threads_run(cn_threads *threads, void (*task)(void *arg, size_t thread), void *arg)
{
    if (threads->count == 1) {
        task(arg, 0);
        return;
    }
    threads->task = task;
    threads->arg = arg;
    arrive(threads, 1);
    task(arg, 0);
    arrive(threads, 1);
}

void cn_threads_share(size_t n, size_t unit, size_t nthread, size_t thread, size_t *first, size_t *count)
{
    size_t blocks = n / unit + (n % unit != 0), each = blocks / nthread, more = blocks % nthread;
    size_t begin = thread * each + (thread < more ? thread : more);
    size_t end = begin + each + (thread < more);
    *first = begin < blocks ? begin * unit : n;
    *count = (end < blocks ? end * unit : n) - *first;
}

/* ---- The pool ------------------------------------------------------------------------------------------ */

static size_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (size_t)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (size_t)count : 1;
}

static cinch_status count_threads(size_t *count, cinch_error *error)
{
    const char *wish = getenv("CINCH_THREADS");
    double number;
    if (*count == 0 && wish && wish[0]) {
        if (!cn_text_number(wish, &number) || number < 1 || number > MOST_THREADS ||
            number != (double)(int)number)
            return cn_fail(error, CINCH_USAGE, "CINCH_THREADS = \"%.80s\" is not a whole number from 1 to %d",
                           wish, MOST_THREADS);
        *count = (size_t)number;
    } else if (*count == 0) {
        *count = processors();
    }
    if (*count > MOST_THREADS)
        *count = MOST_THREADS;
    return CINCH_OK;
}

/* Workers take no signals: they are the caller's. */
static int start_workers(cn_threads *threads)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = 0;
    while (threads->nworker + 1 < threads->count && number == 0) {
        struct worker *worker = &threads->workers[threads->nworker];
        *worker = (struct worker){.threads = threads, .index = threads->nworker + 1};
        number = pthread_create(&worker->thread, NULL, work, worker);
        threads->nworker += number == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

/* Arrives also for the workers that never started, with no task: those that did go home. */
void cn_threads_free(cn_threads *threads)
{
    if (!threads)
        return;
    threads->task = NULL;
    if (threads->nworker > 0)
        arrive(threads, threads->count - threads->nworker);
    for (size_t i = 0; i < threads->nworker; i++)
        pthread_join(threads->workers[i].thread, NULL);
    pthread_cond_destroy(&threads->moved);
    pthread_mutex_destroy(&threads->mutex);
    cn_free(threads->workers);
    cn_free(threads);
}

cn_threads *cn_threads_new(size_t count, cinch_error *error)
{
    if (count_threads(&count, error) != CINCH_OK)
        return NULL;
    cn_threads *threads = cn_new(1, sizeof *threads, error);
    struct worker *workers = threads ? cn_new(count, sizeof *workers, error) : NULL;
    if (!workers) {
        cn_free(threads);
        return NULL;
    }
    threads->count = count;
    threads->workers = workers;
    threads->spins = count <= processors() ? SPINS : SPINS_CROWDED;
    pthread_mutex_init(&threads->mutex, NULL);
    pthread_cond_init(&threads->moved, NULL);
    int number = start_workers(threads);
    if (number != 0) {
        char room[256];
        cn_fail(error, CINCH_MEMORY, "thread %zu of %zu cannot be started: %s (see --threads)",
                threads->nworker + 2, count, strerror_r(number, room, sizeof room));
        cn_threads_free(threads);
        return NULL;
    }
    return threads;
}

size_t cn_threads_count(const cn_threads *threads)
{
    return threads->count;
}
