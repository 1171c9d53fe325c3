#include "bench/works/peers.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/works/child.h"

enum { NOT_FOR_IT = 77 };

const bench_peer peers[] = {
    {"JAX", "jax", "bench/peers/jax_peer.py", ""},
    {"Keras on JAX", "jax", "bench/peers/keras_peer.py", "jax"},
    {"Keras on TensorFlow", "jax", "bench/peers/keras_peer.py", "tensorflow"},
    {"PyTorch", "torch", "bench/peers/torch_peer.py", ""},
    {"PyTorch, compiled", "torch", "bench/peers/torch_peer.py", "compile"},
    {"ONNX Runtime", "torch", "bench/peers/onnx_peer.py", ""},
};
_Static_assert(sizeof peers / sizeof peers[0] == NPEER, "NPEER counts the peers");

static void python_of(const bench_settings *settings, const char *environment, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%s/%s/bin/python", settings->peers ? settings->peers : "", environment);
}

bool peers_present(const bench_settings *settings, const char *environment)
{
    char python[PATH_ROOM];
    python_of(settings, environment, python);
    return settings->peers && access(python, X_OK) == 0;
}

/* The last line that it printed; false where that is no result. */
static bool read_result(char *output, bench_outcome *outcome, bench_measure *measure)
{
    size_t length = strlen(output);
    while (length && output[length - 1] == '\n')
        output[--length] = '\0';
    const char *line = strrchr(output, '\n');
    json_t *result = json_loads(line ? line + 1 : output, 0, NULL);
    const json_t *seconds = json_object_get(result, "seconds"), *loss = json_object_get(result, "last_loss");
    const char *version = json_string_value(json_object_get(result, "peer"));
    bool good = json_is_real(seconds) && version;
    if (good) {
        snprintf(outcome->version, sizeof outcome->version, "%s", version);
        measure->seconds = json_real_value(seconds);
        measure->loss = json_is_number(loss) ? json_number_value(loss) : NAN;
        measure->count = (size_t)json_integer_value(json_object_get(result, "epochs"));
    }
    json_decref(result);
    return good && measure->count;
}

struct request {
    size_t epochs, seconds, rows; /* rows 0: all */
};

/* Runs the script once; the outcome's state says what came of it. */
static void ask(const bench_peer *peer, const bench_work *work, const bench_settings *settings,
                const bench_rows *rows, struct request request, bench_outcome *outcome, bench_measure *result)
{
    char python[PATH_ROOM], log[PATH_ROOM], output[8192], threads[32], epochs[32], seconds[32], nrow[32];
    python_of(settings, peer->environment, python);
    snprintf(log, sizeof log, "%s/%s-%s%s.log", settings->folder, work->name, strrchr(peer->script, '/') + 1,
             peer->mode);
    snprintf(threads, sizeof threads, "%zu", settings->threads);
    snprintf(epochs, sizeof epochs, "%zu", request.epochs);
    snprintf(seconds, sizeof seconds, "%zu", request.seconds);
    snprintf(nrow, sizeof nrow, "%zu", request.rows);
    const char *data = work->kind == WORK_ITERATION ? rows->donut
                       : work->kind == WORK_EPOCH   ? rows->train
                                                    : rows->test;
    char *argv[] = {python,
                    (char *)peer->script,
                    (char *)work->name,
                    "--mode",
                    (char *)peer->mode,
                    "--threads",
                    threads,
                    "--epochs",
                    epochs,
                    "--seconds",
                    seconds,
                    "--data",
                    (char *)data,
                    request.rows ? "--rows" : NULL,
                    nrow,
                    NULL};
    bench_child child = {
        .threads = settings->threads, .log = log, .output = output, .noutput = sizeof output};
    bench_measure measured = {.loss = NAN, .rows = request.rows};
    child_run(argv, &child);
    measured.peak_bytes = child.peak_bytes;
    if (child.status == NOT_FOR_IT) {
        outcome->state = PEER_IDLE;
    } else if (child.status != 0 || !read_result(output, outcome, &measured)) {
        outcome->state = PEER_FAILED;
        fprintf(stderr, "%s: %s failed: see %s\n", work->name, peer->name, log);
    } else {
        measure_merge(result, &measured);
    }
}

/* Those that Cinch trained on; of the test rows all. */
static size_t rows_asked(const bench_work *work, size_t nrow)
{
    return work_is_training(work) ? nrow : 0;
}

/* Those that run in turn with Cinch: the fastest two, as a short run may have been disturbed, and what is at
 * most a third behind the first. */
static void choose(bench_outcome outcomes[NPEER])
{
    double first = INFINITY, second = INFINITY;
    for (size_t i = 0; i < NPEER; i++)
        if (outcomes[i].state == PEER_READY) {
            second = fmin(second, fmax(first, outcomes[i].trial.seconds));
            first = fmin(first, outcomes[i].trial.seconds);
        }
    for (size_t i = 0; i < NPEER; i++)
        if (outcomes[i].state == PEER_READY && outcomes[i].trial.seconds > fmax(second, 4 * first / 3))
            outcomes[i].state = PEER_IDLE;
}

void peers_try(const bench_work *work, const bench_settings *settings, const bench_rows *rows, size_t nrow,
               bench_outcome outcomes[NPEER])
{
    struct request request = {.epochs = 2, .seconds = 10, .rows = rows_asked(work, nrow)};
    if (work->kind == WORK_EPOCH)
        request.rows = nrow / 5 + 1;
    for (size_t i = 0; i < NPEER && work->kind != WORK_COLD; i++) {
        outcomes[i].state = peers_present(settings, peers[i].environment) ? PEER_READY : PEER_ABSENT;
        if (outcomes[i].state == PEER_READY)
            ask(&peers[i], work, settings, rows, request, &outcomes[i], &outcomes[i].trial);
    }
    choose(outcomes);
}

void peers_measure(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                   size_t nrow, bench_outcome outcomes[NPEER])
{
    struct request request = {
        .epochs = settings->epochs, .seconds = settings->seconds, .rows = rows_asked(work, nrow)};
    for (size_t i = 0; i < NPEER; i++)
        if (outcomes[i].state == PEER_READY)
            ask(&peers[i], work, settings, rows, request, &outcomes[i], &outcomes[i].measure);
}

size_t peers_fastest(const bench_outcome outcomes[NPEER])
{
    size_t fastest = NPEER;
    for (size_t i = 0; i < NPEER; i++)
        if (outcomes[i].measure.count &&
            (fastest == NPEER || outcomes[i].measure.seconds < outcomes[fastest].measure.seconds))
            fastest = i;
    return fastest;
}
