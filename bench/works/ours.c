#include "bench/works/ours.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/works/child.h"

enum { MOST_ARGUMENTS = 48, CALLS = 1000, COLD_STARTS = 10, FEW_ROWS = 2000 };

static cinch_status fail(cinch_error *error, cinch_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static cinch_status fail(cinch_error *error, cinch_status status, const char *format, ...)
{
    if (error->status == CINCH_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->status = status;
    }
    return status;
}

static void place(const bench_settings *settings, const char *run, const char *name, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%s/%s/%s", settings->folder, run, name);
}

/* ---- Trainings, by the command ------------------------------------------------------------------------- */

/* The best of the epochs' seconds, the last one's loss and how many there were. */
static cinch_status read_history(const char *path, bench_measure *measure, cinch_error *error)
{
    FILE *file = fopen(path, "r");
    char line[512];
    measure->seconds = INFINITY;
    while (file && fgets(line, sizeof line, file)) {
        const char *loss = strchr(line, ','), *seconds = strrchr(line, ',');
        if (line[0] == 'e' || !loss)
            continue;
        measure->loss = strtod(loss + 1, NULL);
        measure->seconds = fmin(measure->seconds, strtod(seconds + 1, NULL));
        measure->count++;
    }
    if (file)
        fclose(file);
    return measure->count ? CINCH_OK : fail(error, CINCH_IO, "%s: no epochs", path);
}

static cinch_status read_rows(const char *path, bench_measure *measure, cinch_error *error)
{
    FILE *file = fopen(path, "r");
    char text[2048] = "";
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    const char *key = length ? strstr(text, "\"rows\":") : NULL;
    if (file)
        fclose(file);
    if (key)
        measure->rows = (size_t)strtoul(key + strlen("\"rows\":"), NULL, 10);
    return key ? CINCH_OK : fail(error, CINCH_IO, "%s: no rows", path);
}

/* `cinch train` into FOLDER/NAME, whose log is FOLDER/NAME.log. */
static cinch_status train(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                          size_t epochs, size_t limit, bench_child *child, cinch_error *error)
{
    char *argv[MOST_ARGUMENTS], run[PATH_ROOM], log[PATH_ROOM], nepoch[32], nrow[32];
    size_t count = 0;
    snprintf(run, sizeof run, "%s/%s", settings->folder, work->name);
    snprintf(log, sizeof log, "%s/%s.log", settings->folder, work->name);
    snprintf(nepoch, sizeof nepoch, "%zu", epochs);
    snprintf(nrow, sizeof nrow, "%zu", limit);
    const char *const head[] = {settings->cinch, "train"};
    const char *const tail[] = {"--epochs", nepoch,    "--limit", nrow, "--figures",
                                "none",     "--quiet", "-o",      run};
    const char *const images[] = {"--train", rows->train, "--test", rows->test};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        argv[count++] = (char *)head[i];
    for (const char *const *flag = work->flags; *flag; flag++)
        argv[count++] = (char *)*flag;
    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
        argv[count++] = (char *)tail[i];
    for (size_t i = 0; i < sizeof images / sizeof *images && work->kind == WORK_EPOCH; i++)
        argv[count++] = (char *)images[i];
    argv[count] = NULL;
    child->log = log;
    child_run(argv, child);
    child->log = NULL;
    return child->status == 0
               ? CINCH_OK
               : fail(error, CINCH_FAILED, "cinch train ended with %d: see %s", child->status, log);
}

static cinch_status measure_epochs(const bench_work *work, const bench_settings *settings,
                                   const bench_rows *rows, bench_child *child, bench_measure *measure,
                                   cinch_error *error)
{
    char history[PATH_ROOM], result[PATH_ROOM];
    place(settings, work->name, "history.csv", history);
    place(settings, work->name, "result.json", result);
    cinch_status status = train(work, settings, rows, settings->epochs, settings->limit, child, error);
    if (status || (status = read_history(history, measure, error)) ||
        (status = read_rows(result, measure, error)))
        return status;
    measure->whole = child->seconds / (double)settings->epochs;
    measure->peak_bytes = child->peak_bytes;
    return CINCH_OK;
}

/* The whole command counts, so that nothing is hidden between its many short epochs. */
static cinch_status measure_iterations(const bench_work *work, const bench_settings *settings,
                                       const bench_rows *rows, bench_child *child, bench_measure *measure,
                                       cinch_error *error)
{
    char history[PATH_ROOM], result[PATH_ROOM];
    double best = INFINITY;
    place(settings, work->name, "history.csv", history);
    place(settings, work->name, "result.json", result);
    for (size_t i = 0; i < settings->epochs; i++) {
        cinch_status status =
            train(work, settings, rows, settings->iterations, settings->limit, child, error);
        if (status)
            return status;
        best = fmin(best, child->seconds / (double)settings->iterations);
        measure->peak_bytes =
            child->peak_bytes > measure->peak_bytes ? child->peak_bytes : measure->peak_bytes;
    }
    cinch_status status = read_history(history, measure, error);
    measure->seconds = measure->whole = best;
    measure->count = settings->epochs * settings->iterations;
    return status ? status : read_rows(result, measure, error);
}

/* ---- Rows through a net, by the public interface ------------------------------------------------------- */

struct job {
    const char *model, *data;
    size_t threads, nrow; /* nrow 0: all of them */
    size_t trials, calls; /* a trial is so many calls */
};

struct answer {
    cinch_error error;
    bench_measure measure;
};

static void time_calls(const struct job *job, cinch_runner *runner, const cinch_data *data, float *result,
                       struct answer *answer)
{
    bench_measure *measure = &answer->measure;
    measure->seconds = INFINITY;
    /* The first trial warms up. */
    for (size_t trial = 0; trial <= job->trials && !answer->error.status; trial++) {
        double start = clock_seconds();
        for (size_t call = 0; call < job->calls; call++)
            cinch_runner_reconstruct(runner, data, 0, measure->rows, result, &answer->error);
        double one = (clock_seconds() - start) / (double)job->calls;
        if (trial)
            measure->seconds = fmin(measure->seconds, one);
    }
    measure->count = job->trials * job->calls;
}

static void run_rows(const void *argument, void *result)
{
    const struct job *job = argument;
    struct answer *answer = result;
    cinch_model *model = cinch_model_load(job->model, &answer->error);
    cinch_data *data = cinch_data_load(job->data, NULL, &answer->error);
    cinch_runner *runner = model ? cinch_runner_new(model, job->threads, &answer->error) : NULL;
    answer->measure.rows = data && !job->nrow ? cinch_data_rows(data) : job->nrow;
    float *rows = data ? calloc(answer->measure.rows * cinch_data_features(data), sizeof *rows) : NULL;
    if (runner && rows)
        time_calls(job, runner, data, rows, answer);
    else
        fail(&answer->error, CINCH_MEMORY, "out of memory");
    free(rows);
    cinch_runner_free(runner);
    cinch_data_free(data);
    cinch_model_free(model);
}

static cinch_status measure_rows(const bench_work *work, const bench_settings *settings,
                                 const bench_rows *rows, bench_child *child, bench_measure *measure,
                                 cinch_error *error)
{
    char model[PATH_ROOM];
    bool one = work->kind == WORK_ROW;
    struct answer answer = {.measure.loss = NAN};
    place(settings, work->net, "model.safetensors", model);
    struct job job = {.model = model,
                      .data = rows->test,
                      .threads = child->threads,
                      .nrow = one ? 1 : 0,
                      .trials = 2 * settings->epochs,
                      .calls = one ? CALLS : 1};
    child_call(run_rows, &job, &answer, sizeof answer, child);
    if (child->status != 0 || answer.error.status)
        return fail(error, CINCH_FAILED, "%s: %s", work->name,
                    answer.error.status ? answer.error.message : "it ended early");
    *measure = answer.measure;
    measure->peak_bytes = child->peak_bytes;
    return CINCH_OK;
}

/* ---- A cold start -------------------------------------------------------------------------------------- */

/* The best of each, in turn; what is left is Cinch's. */
static cinch_status measure_cold(const bench_work *work, const bench_settings *settings,
                                 const bench_rows *rows, bench_child *child, bench_measure *measure,
                                 cinch_error *error)
{
    char model[PATH_ROOM];
    double ours = INFINITY, idle = INFINITY;
    place(settings, work->net, "model.safetensors", model);
    char *encode[] = {(char *)settings->cinch, "encode", model, (char *)rows->digit, NULL};
    char *nothing[] = {(char *)settings->nothing, NULL};
    measure->count = COLD_STARTS * settings->epochs;
    for (size_t i = 0; i < measure->count; i++) {
        child_run(nothing, child);
        if (child->status != 0)
            return fail(error, CINCH_FAILED, "%s ended with %d", settings->nothing, child->status);
        idle = fmin(idle, child->seconds);
        child_run(encode, child);
        if (child->status != 0)
            return fail(error, CINCH_FAILED, "cinch encode ended with %d", child->status);
        ours = fmin(ours, child->seconds);
    }
    measure->seconds = ours - idle;
    measure->whole = ours;
    measure->rows = 1;
    measure->peak_bytes = child->peak_bytes;
    return CINCH_OK;
}

/* ---- All of them --------------------------------------------------------------------------------------- */

cinch_status ours_prepare(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                          cinch_error *error)
{
    bench_child child = {.threads = settings->threads};
    return work->net ? train(work_find(work->net), settings, rows, 1, FEW_ROWS, &child, error) : CINCH_OK;
}

cinch_status ours_measure(const bench_work *work, const bench_settings *settings, const bench_rows *rows,
                          size_t threads, bench_measure *result, cinch_error *error)
{
    static cinch_status (*const ways[])(const bench_work *, const bench_settings *, const bench_rows *,
                                        bench_child *, bench_measure *, cinch_error *) = {
        [WORK_EPOCH] = measure_epochs, [WORK_ITERATION] = measure_iterations,
        [WORK_ROWS] = measure_rows,    [WORK_ROW] = measure_rows,
        [WORK_COLD] = measure_cold,
    };
    bench_child child = {.threads = threads, .processors = settings->threads};
    bench_measure measured = {.loss = NAN};
    cinch_status status = ways[work->kind](work, settings, rows, &child, &measured, error);
    if (!status)
        measure_merge(result, &measured);
    return status;
}

double ours_operations(const bench_work *work, const bench_settings *settings, size_t nrow,
                       cinch_error *error)
{
    char path[PATH_ROOM];
    if (work->kind == WORK_COLD)
        return 0;
    place(settings, work->net ? work->net : work->name, "model.safetensors", path);
    cinch_model *model = cinch_model_load(path, error);
    double operations = model ? work_operations(model, work_is_training(work)) * (double)nrow : 0;
    cinch_model_free(model);
    return operations;
}

void measure_merge(bench_measure *measure, const bench_measure *other)
{
    if (measure->count == 0) {
        *measure = *other;
        return;
    }
    measure->seconds = fmin(measure->seconds, other->seconds);
    measure->whole = fmin(measure->whole, other->whole);
    measure->loss = other->loss;
    measure->count += other->count;
    if (other->peak_bytes > measure->peak_bytes)
        measure->peak_bytes = other->peak_bytes;
}
