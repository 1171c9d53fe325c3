#include "bench/works/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- Processors ---------------------------------------------------------------------------------------- */

/* Whether a processor is the first one of its core; yes where the machine does not say. */
static bool is_first_of_core(size_t processor)
{
    char path[128];
    size_t first = processor;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", processor);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%zu", &first) != 1)
        first = processor;
    if (file)
        fclose(file);
    return first == processor;
}

size_t child_processors(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (size_t)CPU_COUNT(&allowed) : 1;
}

/* Of the allowed processors the first of each core, then the others, `count` of them. */
static void stay_on(size_t count)
{
    cpu_set_t allowed, chosen;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || (size_t)CPU_COUNT(&allowed) <= count)
        return;
    CPU_ZERO(&chosen);
    for (size_t others = 0; others < 2; others++)
        for (size_t i = 0; i < CPU_SETSIZE && (size_t)CPU_COUNT(&chosen) < count; i++)
            if (CPU_ISSET(i, &allowed) && is_first_of_core(i) != others)
                CPU_SET(i, &chosen);
    sched_setaffinity(0, sizeof chosen, &chosen);
}

/* ---- Processes ----------------------------------------------------------------------------------------- */

static void redirect(int stream, const char *path, int flags)
{
    int file = open(path, flags, 0666);
    if (file >= 0) {
        dup2(file, stream);
        close(file);
    }
}

/* In the new process, before anything else. */
static void settle(const bench_child *child)
{
    char threads[32];
    snprintf(threads, sizeof threads, "%zu", child->threads);
    setenv("CINCH_THREADS", threads, 1);
    setenv("OMP_NUM_THREADS", threads, 1);
    stay_on(child->processors ? child->processors : child->threads);
    redirect(STDERR_FILENO, child->log ? child->log : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC);
}

/* Reads to the end of the pipe, keeping what there is room for. */
static size_t drain(int pipe, char *target, size_t room)
{
    char rest[4096];
    size_t length = 0;
    for (;;) {
        bool keep = length < room;
        ssize_t got = read(pipe, keep ? target + length : rest, keep ? room - length : sizeof rest);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return length;
        length += keep ? (size_t)got : 0;
    }
}

static void wait_for(pid_t id, double start, bench_child *child)
{
    int status;
    struct rusage usage;
    while (wait4(id, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return;
    child->seconds = clock_seconds() - start;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    child->peak_bytes = (size_t)usage.ru_maxrss * 1024;
}

void child_run(char *const argv[], bench_child *child)
{
    int ends[2] = {-1, -1};
    child->status = -1;
    if (child->output && pipe(ends) != 0)
        return;
    double start = clock_seconds();
    pid_t id = fork();
    if (id == 0) {
        settle(child);
        if (child->output)
            dup2(ends[1], STDOUT_FILENO);
        else
            redirect(STDOUT_FILENO, "/dev/null", O_WRONLY);
        if (child->output) {
            close(ends[0]);
            close(ends[1]);
        }
        execv(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (child->output) {
        close(ends[1]);
        child->output[id > 0 ? drain(ends[0], child->output, child->noutput - 1) : 0] = '\0';
        close(ends[0]);
    }
    if (id > 0)
        wait_for(id, start, child);
}

void child_call(void (*function)(const void *argument, void *result), const void *argument, void *result,
                size_t nbytes, bench_child *child)
{
    int ends[2];
    child->status = -1;
    if (pipe(ends) != 0)
        return;
    fflush(NULL);
    double start = clock_seconds();
    pid_t id = fork();
    if (id == 0) {
        close(ends[0]);
        settle(child);
        function(argument, result);
        fflush(NULL);
        _exit(write(ends[1], result, nbytes) == (ssize_t)nbytes ? 0 : 1);
    }
    close(ends[1]);
    size_t length = id > 0 ? drain(ends[0], result, nbytes) : 0;
    close(ends[0]);
    if (id > 0)
        wait_for(id, start, child);
    if (child->status == 0 && length != nbytes)
        child->status = 1;
}
