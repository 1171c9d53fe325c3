/* Every allocation and every file call made to fail, once and from then on, in what the commands train,
 * train --resume, encode and info do: the right status, one line that says it, nothing leaked, the old
 * model whole. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/strides.h"

/* ---- Faults -------------------------------------------------------------------------------------------- */

enum mode { NEVER, ONCE, FROM_THEN_ON };

static struct {
    enum mode mode;
    size_t place, count; /* the call that fails first, the calls so far */
} memory_fault, file_fault;
static long blocks; /* allocated and not released */

static bool fails(enum mode mode, size_t place, size_t call)
{
    return mode == ONCE ? call == place : mode == FROM_THEN_ON && call >= place;
}

static void *allocate(size_t nbytes)
{
    if (fails(memory_fault.mode, memory_fault.place, memory_fault.count++))
        return NULL;
    void *memory = aligned_alloc(CN_ALIGNMENT, (nbytes + CN_ALIGNMENT - 1) / CN_ALIGNMENT * CN_ALIGNMENT);
    blocks += memory != NULL;
    return memory;
}

static void release(void *memory)
{
    blocks--;
    free(memory);
}

static void *resize(void *memory, size_t old_nbytes, size_t nbytes)
{
    void *moved = allocate(nbytes);
    if (!moved)
        return NULL;
    memcpy(moved, memory, old_nbytes < nbytes ? old_nbytes : nbytes);
    release(memory);
    return moved;
}

static bool file_fails(int number)
{
    if (!fails(file_fault.mode, file_fault.place, file_fault.count++))
        return false;
    errno = number;
    return true;
}

static int open_it(const char *path, int flags, mode_t mode)
{
    return file_fails(EMFILE) ? -1 : open(path, flags, mode);
}

static ssize_t read_it(int fd, void *buffer, size_t nbytes)
{
    return file_fails(EIO) ? -1 : read(fd, buffer, nbytes);
}

static ssize_t write_it(int fd, const void *buffer, size_t nbytes)
{
    return file_fails(ENOSPC) ? -1 : write(fd, buffer, nbytes);
}

static int fstat_it(int fd, struct stat *status)
{
    return file_fails(EIO) ? -1 : fstat(fd, status);
}

static int fsync_it(int fd)
{
    (void)fd;
    return file_fails(EIO) ? -1 : 0; /* a test needs no disk */
}

/* The descriptor is gone even where close fails. */
static int close_it(int fd)
{
    bool failed = file_fails(EIO);
    int result = close(fd);
    if (failed)
        errno = EIO;
    return failed ? -1 : result;
}

static int rename_it(const char *from, const char *to)
{
    return file_fails(EIO) ? -1 : rename(from, to);
}

static int unlink_it(const char *path)
{
    return file_fails(EIO) ? -1 : unlink(path);
}

static int mkdir_it(const char *path, mode_t mode)
{
    return file_fails(ENOSPC) ? -1 : mkdir(path, mode);
}

static int flock_it(int fd, int operation)
{
    return file_fails(ENOLCK) ? -1 : flock(fd, operation);
}

static const cn_allocator allocator = {allocate, resize, release};
static const cn_system calls = {.open = open_it,
                                .read = read_it,
                                .write = write_it,
                                .fstat = fstat_it,
                                .fsync = fsync_it,
                                .close = close_it,
                                .rename = rename_it,
                                .unlink = unlink_it,
                                .mkdir = mkdir_it,
                                .flock = flock_it,
                                .readdir = readdir};

/* ---- What is tried ------------------------------------------------------------------------------------- */

static char folder[64], rows_path[80], run_path[80], model_path[120], codes_path[80];

typedef const char *const setting[2];

static cinch_status train_with(setting *settings, size_t count, cinch_callback *callback, cinch_error *error)
{
    cinch_recipe *recipe = cinch_recipe_new(error);
    cinch_status status = recipe ? cinch_recipe_set(recipe, "train", rows_path, error) : CINCH_MEMORY;
    if (!status)
        status = cinch_recipe_set(recipe, "test", rows_path, error);
    for (size_t i = 0; i < count && !status; i++)
        status = cinch_recipe_set(recipe, settings[i][0], settings[i][1], error);
    if (!status)
        status = cinch_run(recipe, run_path, &(cinch_run_options){.callback = callback}, NULL, error);
    cinch_recipe_free(recipe);
    return status;
}

static cinch_status train(cinch_error *error)
{
    static setting settings[] = {
        {"encoder", "dense 4 tanh | dense 2 sigmoid"},
        {"decoder", "tied silu linear"},
        {"epochs", "2"},
        {"batch", "16"},
        {"validation", "0.2"},
        {"penalty", "weight_l2 1e-4 | contractive 0.01 | kl_sparsity 0.1 0.01"},
        {"checkpoint", "1"},
        {"threads", "2"},
    };
    return train_with(settings, sizeof settings / sizeof *settings, NULL, error);
}

/* Chosen columns with their names, and a layer after them, each pretrained. */
static setting greedy_settings[] = {{"encoder", "concrete 2 | dense 2 tanh"},
                                    {"pretrain", "greedy"},
                                    {"epochs", "1"},
                                    {"batch", "16"},
                                    {"validation", "0.2"},
                                    {"threads", "1"}};

enum { NGREEDY = sizeof greedy_settings / sizeof *greedy_settings };

static cinch_status train_greedily(cinch_error *error)
{
    return train_with(greedy_settings, NGREEDY, NULL, error);
}

/* An image of 3 x 1, what goes with its neighbours done in one, gradients summed as the rows go by. */
static cinch_status train_images(cinch_error *error)
{
    static setting settings[] = {{"encoder", "conv 2 3x1 relu | maxpool 2 | dense 2"},
                                 {"decoder", "reshape 2x1x1 | upsample 2 | conv 2 2x1 tanh | dense 3"},
                                 {"input", "3x1x1"},
                                 {"epochs", "1"},
                                 {"batch", "16"},
                                 {"validation", "0.2"},
                                 {"threads", "2"}};
    return train_with(settings, sizeof settings / sizeof *settings, NULL, error);
}

/* Images and a table by bundles of rows, which are kept: every step is of all of them. */
static cinch_status train_bundles(cinch_error *error)
{
    static setting images[] = {
        {"encoder", "conv 2 3x1 relu | maxpool 2 | dense 2"},
        {"decoder", "reshape 2x1x1 | upsample 2 | deconv 2 2x1 gelu stride=1 | dense 3"},
        {"input", "3x1x1"},
        {"epochs", "1"},
        {"batch", "40"},
        {"shuffle", "false"},
        {"threads", "2"}};
    static setting table[] = {{"encoder", "dense 4 gelu | dense 2 sigmoid"},
                              {"decoder", "tied silu linear"},
                              {"epochs", "1"},
                              {"batch", "40"},
                              {"shuffle", "false"},
                              {"threads", "1"}};
    cinch_status status = train_with(images, sizeof images / sizeof *images, NULL, error);
    return status ? status : train_with(table, sizeof table / sizeof *table, NULL, error);
}

/* Ends the run when the second stage does. */
static bool stop_at_stage(const cinch_progress *progress, void *user)
{
    (void)user;
    return !progress->stage || strcmp(progress->stage, "encoder.1") || !progress->ended;
}

static cinch_status go_on(cinch_error *error)
{
    return cinch_run(NULL, run_path, &(cinch_run_options){.resume = true}, NULL, error);
}

static cinch_status resume(cinch_error *error)
{
    return cinch_run(NULL, run_path, &(cinch_run_options){.resume = true, .epochs = "3"}, NULL, error);
}

static cinch_status encode(cinch_error *error)
{
    float codes[40][2];
    cinch_status status = CINCH_FAILED;
    cinch_data *data = NULL, *result = NULL;
    cinch_runner *runner = NULL;
    cinch_model *model = cinch_model_load(model_path, error);
    if (model)
        data = cinch_data_load(rows_path, cinch_model_recipe(model), error);
    if (data)
        runner = cinch_runner_new(model, 1, error);
    if (runner && !(status = cinch_runner_encode(runner, data, 0, 40, codes[0], error)) &&
        (result = cinch_data_view(CINCH_F32, (cinch_shape){2, {40, 2}}, codes, error)))
        status = cinch_data_save(result, codes_path, false, error);
    cinch_data_free(result);
    cinch_runner_free(runner);
    cinch_data_free(data);
    cinch_model_free(model);
    return error->status ? error->status : status;
}

static cinch_status info(cinch_error *error)
{
    cinch_model *model = cinch_model_load(model_path, error);
    cinch_data *data = cinch_data_load(rows_path, NULL, error);
    char *help = cinch_help_text("layers", error);
    cinch_text_free(help);
    cinch_data_free(data);
    cinch_model_free(model);
    return error->status;
}

/* ---- Trying it ----------------------------------------------------------------------------------------- */

/* Without the flushes that the library's own writing makes: there are thousands of tries. */
static void copy_file(const char *from, const char *to)
{
    cn_bytes bytes = {0};
    assert_int_equal(cn_file_read(from, 1 << 20, &bytes, NULL), CINCH_OK);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.nbytes, file), bytes.nbytes);
    assert_int_equal(fclose(file), 0);
    cn_bytes_clear(&bytes);
}

/* What stands before each try: "kept", a finished run, or "stage", one stopped in its pretraining. */
static const char *stand = "kept";

static void put_back(void)
{
    static const char *const names[] = {"model.safetensors", "checkpoint.safetensors", "recipe.ini"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[160], to[160];
        snprintf(from, sizeof from, "%s/%s-%s", folder, stand, names[i]);
        snprintf(to, sizeof to, "%s/%s", run_path, names[i]);
        copy_file(from, to);
    }
}

static void keep_run(void)
{
    static const char *const names[] = {"model.safetensors", "checkpoint.safetensors", "recipe.ini"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[160], to[160];
        snprintf(from, sizeof from, "%s/%s", run_path, names[i]);
        snprintf(to, sizeof to, "%s/%s-%s", folder, stand, names[i]);
        copy_file(from, to);
    }
}

static void no_faults(void)
{
    memory_fault.mode = file_fault.mode = NEVER;
}

static void one_line(const char *what, size_t place, const cinch_error *error)
{
    if (!*error->message || strchr(error->message, '\n'))
        fail_msg("%s, call %zu: said \"%s\"", what, place, error->message);
}

/* One try with one fault; whether the fault was met at all. */
static bool try_once(const char *what, cinch_status (*act)(cinch_error *), bool of_memory, enum mode mode,
                     size_t place, bool with_run)
{
    if (with_run)
        put_back();
    cinch_error error = {0};
    long before = blocks;
    memory_fault.count = file_fault.count = 0;
    if (of_memory) {
        memory_fault.place = place;
        memory_fault.mode = mode;
    } else {
        file_fault.place = place;
        file_fault.mode = mode;
    }
    cinch_status status = act(&error);
    no_faults();
    bool met = (of_memory ? memory_fault.count : file_fault.count) > place;
    if (blocks != before)
        fail_msg("%s, %s call %zu: %ld blocks leaked (%s)", what, of_memory ? "memory" : "file", place,
                 blocks - before, error.message);
    if (status) {
        one_line(what, place, &error);
        assert_int_equal(status, error.status);
        cinch_status wanted = of_memory ? CINCH_MEMORY : CINCH_IO;
        if (status != wanted)
            fail_msg("%s, %s call %zu: status %d (%s)", what, of_memory ? "memory" : "file", place,
                     (int)status, error.message);
    } else if (met && of_memory && mode == FROM_THEN_ON) {
        fail_msg("%s, memory call %zu: no allocation left, and yet it succeeded", what, place);
    }
    if (with_run) {
        cinch_model *model = cinch_model_load(model_path, &error);
        if (!model)
            fail_msg("%s, call %zu: the old model is gone: %s", what, place, error.message);
        cinch_model_free(model);
    }
    return met;
}

/* Every call; under a slow checker every CINCH_FAULT_STRIDE-th. */
static size_t fault_stride(void)
{
    return stride_of("CINCH_FAULT_STRIDE");
}

static void try_all(const char *what, cinch_status (*act)(cinch_error *), bool with_run)
{
    for (int of_memory = 0; of_memory < 2; of_memory++)
        for (enum mode mode = ONCE; mode <= FROM_THEN_ON; mode++) {
            size_t place = 0, stride = fault_stride();
            while (try_once(what, act, of_memory, mode, place, with_run))
                place += stride;
            print_message("%s: %zu %s calls made to fail %s\n", what, place / stride,
                          of_memory ? "memory" : "file", mode == ONCE ? "once" : "from then on");
            assert_true(place > 5);
        }
}

static void test_train(void **state)
{
    (void)state;
    try_all("train", train, true);
}

static void test_resume(void **state)
{
    (void)state;
    try_all("resume", resume, true);
}

static void test_greedy(void **state)
{
    (void)state;
    try_all("train greedily", train_greedily, true);
}

static void test_images(void **state)
{
    (void)state;
    try_all("train images", train_images, true);
}

static void test_bundles(void **state)
{
    (void)state;
    try_all("train bundles", train_bundles, true);
}

static void test_stage(void **state)
{
    (void)state;
    cinch_error error = {0};
    put_back();
    assert_int_equal(train_with(greedy_settings, NGREEDY, stop_at_stage, &error), CINCH_STOPPED);
    stand = "stage";
    keep_run();
    try_all("resume in a stage", go_on, true);
    stand = "kept";
}

static void test_encode(void **state)
{
    (void)state;
    put_back();
    try_all("encode", encode, false);
}

static void test_info(void **state)
{
    (void)state;
    put_back();
    try_all("info", info, false);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/cinch-faults-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(rows_path, sizeof rows_path, "%s/rows.csv", folder);
    snprintf(run_path, sizeof run_path, "%s/run", folder);
    snprintf(codes_path, sizeof codes_path, "%s/codes.npy", folder);
    snprintf(model_path, sizeof model_path, "%s/model.safetensors", run_path);
    FILE *rows = fopen(rows_path, "w");
    if (!rows)
        return 1;
    fputs("a,b,c\n", rows);
    for (int r = 0; r < 40; r++)
        fprintf(rows, "%d,%d,%d\n", r % 7, r % 5, r % 3);
    fclose(rows);
    cn_memory_use(&allocator);
    cn_file_use(&calls);
    cinch_error error = {0};
    if (train(&error)) {
        print_error("%s\n", error.message);
        return 1;
    }
    keep_run();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cn_memory_use(NULL);
    cn_file_use(NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train),  cmocka_unit_test(test_resume),  cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_images), cmocka_unit_test(test_bundles), cmocka_unit_test(test_stage),
        cmocka_unit_test(test_encode), cmocka_unit_test(test_info),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
