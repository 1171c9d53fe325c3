/* Training follows PyTorch: every run of tests/reference, made in float64 by its make.py, and the larger runs
 * of the folder $CINCH_GOLDEN where that is set (their data in $CINCH_DATA).
 *
 * From a run's starting weights each epoch's losses must stay within 1e-3 of the run's, relatively, and the
 * median of these differences within 1e-5. The final weights must lie within 1e-4 of their tensor's largest,
 * of a golden run, deeper and longer, within 2e-2. PyTorch in float32 strays from the small runs by 6e-6,
 * 7e-7 and 2e-5, and from the golden ones by 7e-5, 4e-6 and 8e-3.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cinch.h"

#ifndef SOURCE_DIR
#define SOURCE_DIR "."
#endif

static const double EPOCH_LIMIT = 1e-3, MEDIAN_LIMIT = 1e-5, WEIGHT_LIMIT = 1e-4, GOLDEN_WEIGHT_LIMIT = 2e-2;

enum { MAX_RUNS = 160, MAX_EPOCHS = 100, MAX_PATH = 1024 };

/* What this library trains of the golden runs; the others wait for their layers. */
static const char *const golden_runs[] = {"dense-adadelta", "deep-adam",     "stacked-sgd", "conv-adadelta",
                                          "sparse-l1",      "tied-momentum", "contractive"};
enum { GOLDEN_RUNS = sizeof golden_runs / sizeof golden_runs[0] };

typedef struct run {
    char name[64];
    char folder[MAX_PATH];
    bool golden;
} run;

static run runs[MAX_RUNS];
static size_t nrun;

static void add_run(const char *parent, const char *name, bool golden)
{
    assert_true(nrun < MAX_RUNS);
    run *added = &runs[nrun++];
    snprintf(added->name, sizeof added->name, "%.63s", name);
    snprintf(added->folder, sizeof added->folder, "%.900s/%.100s", parent, name);
    added->golden = golden;
}

/* ---- Reading a run's files ----------------------------------------------------------------------------- */

/* The lines of epochs.csv: its columns by their place in the header, NaN where a column is missing. */
typedef struct curve {
    size_t count;
    size_t epoch[MAX_EPOCHS];
    double loss[MAX_EPOCHS], reconstruction[MAX_EPOCHS], validation[MAX_EPOCHS];
} curve;

static size_t split_cells(char *line, char **cells, size_t room)
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *cell = strtok(line, ","); cell && count < room; cell = strtok(NULL, ","))
        cells[count++] = cell;
    return count;
}

static double named_cell(const char *name, char **names, size_t count, char **cells)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return strtod(cells[i], NULL);
    return NAN;
}

static void read_curve(const char *folder, curve *read)
{
    char path[MAX_PATH + 16], head[256], line[256], *names[8], *cells[8];
    snprintf(path, sizeof path, "%s/epochs.csv", folder);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(head, sizeof head, file))
        fail_msg("%s: cannot be read", path);
    size_t count = split_cells(head, names, 8);
    read->count = 0;
    while (fgets(line, sizeof line, file)) {
        assert_true(read->count < MAX_EPOCHS);
        assert_int_equal(split_cells(line, cells, 8), count);
        size_t i = read->count++;
        read->epoch[i] = (size_t)named_cell("epoch", names, count, cells);
        read->loss[i] = named_cell("train_loss", names, count, cells);
        read->reconstruction[i] = named_cell("train_reconstruction", names, count, cells);
        read->validation[i] = named_cell("validation_loss", names, count, cells);
        assert_true(isfinite(read->loss[i]));
    }
    fclose(file);
    assert_true(read->count > 0);
}

/* final.safetensors, read without the library: the header as text, then the floats. */
typedef struct tensors {
    char *bytes;
    const char *header, *floats;
    size_t nbytes;
} tensors;

static void read_tensors(const char *folder, tensors *read)
{
    char path[MAX_PATH + 32];
    snprintf(path, sizeof path, "%s/final.safetensors", folder);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: cannot be read", path);
    fseek(file, 0, SEEK_END);
    read->nbytes = (size_t)ftell(file);
    rewind(file);
    assert_true(read->nbytes > 8);
    read->bytes = malloc(read->nbytes);
    assert_int_equal(fread(read->bytes, 1, read->nbytes, file), read->nbytes);
    fclose(file);
    uint64_t length;
    memcpy(&length, read->bytes, sizeof length);
    assert_true(length > 0 && length < read->nbytes - 8);
    read->floats = read->bytes + 8 + length;
    read->bytes[8 + length - 1] = '\0'; /* the last brace or a blank */
    read->header = read->bytes + 8;
}

static const char *find_tensor(const tensors *file, const char *name, size_t *count)
{
    char quoted[128];
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *entry = strstr(file->header, quoted);
    const char *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
    size_t first = 0, end = 0;
    if (!offsets || sscanf(offsets, "\"data_offsets\":[%zu,%zu]", &first, &end) != 2)
        fail_msg("final.safetensors has no tensor %s", name);
    assert_true(first <= end && (size_t)(file->floats - file->bytes) + end <= file->nbytes);
    *count = (end - first) / sizeof(float);
    return file->floats + first;
}

/* ---- Holding a training to it -------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each epoch's value within EPOCH_LIMIT, the median difference within MEDIAN_LIMIT. */
static void hold_curve(const char *what, const curve *expected, const double *truth, const double *values)
{
    double differences[MAX_EPOCHS];
    for (size_t i = 0; i < expected->count; i++) {
        differences[i] = fabs(values[i] - truth[i]) / fabs(truth[i]);
        if (!(differences[i] <= EPOCH_LIMIT))
            fail_msg("epoch %zu: %s is %.9g, not %.9g", expected->epoch[i], what, values[i], truth[i]);
    }
    qsort(differences, expected->count, sizeof *differences, compare_doubles);
    double median = differences[expected->count / 2];
    if (!(median <= MEDIAN_LIMIT))
        fail_msg("%s strays by %.2g in the median", what, median);
}

static void hold_losses(const curve *expected, const cinch_trainer *trainer)
{
    double loss[MAX_EPOCHS], reconstruction[MAX_EPOCHS], validation[MAX_EPOCHS];
    size_t last = expected->epoch[expected->count - 1];
    assert_int_equal(cinch_trainer_nepoch(trainer), last + 1);
    for (size_t i = 0; i < expected->count; i++) {
        cinch_epoch epoch = cinch_trainer_epoch(trainer, expected->epoch[i]);
        loss[i] = epoch.train_loss;
        reconstruction[i] = epoch.train_reconstruction;
        validation[i] = epoch.validation_loss;
        assert_true(epoch.seconds >= 0);
    }
    hold_curve("train_loss", expected, expected->loss, loss);
    if (!isnan(expected->reconstruction[0]))
        hold_curve("train_reconstruction", expected, expected->reconstruction, reconstruction);
    if (!isnan(expected->validation[0]))
        hold_curve("validation_loss", expected, expected->validation, validation);
    else
        assert_true(isnan(validation[0]));
}

static void hold_parameter(const tensors *file, const cinch_parameter *parameter, double limit)
{
    size_t count, size = 1;
    const char *floats = find_tensor(file, parameter->name, &count);
    for (size_t i = 0; i < parameter->shape.rank; i++)
        size *= parameter->shape.sizes[i];
    assert_int_equal(size, count);
    double largest = 0, apart = 0;
    for (size_t i = 0; i < count; i++) {
        float truth;
        memcpy(&truth, floats + i * sizeof truth, sizeof truth);
        largest = fmax(largest, fabs((double)truth));
        double difference = fabs((double)parameter->values[i] - (double)truth);
        assert_true(isfinite(difference));
        apart = fmax(apart, difference);
    }
    if (!(apart <= limit * largest))
        fail_msg("%s ends %.2g away, its largest weight being %.2g", parameter->name, apart, largest);
}

static void hold_weights(const run *followed, const cinch_model *model)
{
    tensors file;
    read_tensors(followed->folder, &file);
    size_t count = cinch_model_nparameter(model);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        cinch_parameter parameter = cinch_model_parameter(model, i);
        hold_parameter(&file, &parameter, followed->golden ? GOLDEN_WEIGHT_LIMIT : WEIGHT_LIMIT);
    }
    free(file.bytes);
}

/* The run's data: beside its recipe, or in $CINCH_DATA. */
static void data_path(const run *followed, const char *name, char *path, size_t room)
{
    const char *data = getenv("CINCH_DATA");
    snprintf(path, room, "%s/%s", followed->folder, name);
    if (access(path, R_OK) != 0 && data)
        snprintf(path, room, "%s/%s", data, name);
}

static void follow_run(void **state)
{
    const run *followed = *state;
    char path[2 * MAX_PATH];
    cinch_error error = {0};
    curve expected;
    read_curve(followed->folder, &expected);

    snprintf(path, sizeof path, "%s/recipe.ini", followed->folder);
    cinch_recipe *recipe = cinch_recipe_load(path, &error);
    if (!recipe)
        fail_msg("%s", error.message);
    data_path(followed, cinch_recipe_get(recipe, "train"), path, sizeof path);
    cinch_data *data = cinch_data_load(path, recipe, &error);
    if (!data)
        fail_msg("%s", error.message);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    if (!trainer || cinch_trainer_run(trainer, NULL, NULL, &error) != CINCH_OK)
        fail_msg("%s", error.message);
    hold_losses(&expected, trainer);
    cinch_model *model = cinch_trainer_model(trainer, &error);
    if (!model)
        fail_msg("%s", error.message);
    hold_weights(followed, model);

    cinch_model_free(model);
    cinch_trainer_free(trainer);
    cinch_data_free(data);
    cinch_recipe_free(recipe);
}

/* ---- Which runs there are ------------------------------------------------------------------------------ */

/* The names of runs.csv, so that a run that is missing fails rather than being passed over. */
static void list_reference_runs(const char *parent)
{
    char path[MAX_PATH], line[256];
    snprintf(path, sizeof path, "%s/runs.csv", parent);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, ",")] = '\0';
        add_run(parent, line, false);
    }
    fclose(file);
}

/* Every folder with a recipe is in the list. */
static void list_is_whole(void **state)
{
    (void)state;
    const char *parent = SOURCE_DIR "/tests/reference";
    DIR *folder = opendir(parent);
    assert_non_null(folder);
    size_t found = 0, listed = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[MAX_PATH];
        snprintf(path, sizeof path, "%s/%.255s/recipe.ini", parent, entry->d_name);
        found += entry->d_name[0] != '.' && access(path, F_OK) == 0;
    }
    closedir(folder);
    for (size_t i = 0; i < nrun; i++)
        listed += !runs[i].golden;
    assert_int_equal(found, listed);
}

static void skip_golden(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    struct CMUnitTest tests[MAX_RUNS + 1] = {cmocka_unit_test(list_is_whole)};
    const char *golden = getenv("CINCH_GOLDEN");
    list_reference_runs(SOURCE_DIR "/tests/reference");
    for (size_t i = 0; i < GOLDEN_RUNS; i++)
        add_run(golden ? golden : "", golden_runs[i], true);
    for (size_t i = 0; i < nrun; i++) {
        bool skipped = runs[i].golden && !golden;
        tests[i + 1].name = runs[i].name;
        tests[i + 1].test_func = skipped ? skip_golden : follow_run;
        tests[i + 1].initial_state = &runs[i];
    }
    return _cmocka_run_group_tests("reference", tests, nrun + 1, NULL, NULL);
}
