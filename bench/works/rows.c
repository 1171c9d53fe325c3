#include "bench/works/rows.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/works/child.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, TRAIN_ROWS = 60000, TEST_ROWS = 10000 };

static cinch_status save(cinch_type type, cinch_shape shape, const void *values, const char *path,
                         cinch_error *error)
{
    cinch_data *data = cinch_data_view(type, shape, values, error);
    cinch_status status = data ? cinch_data_save(data, path, false, error) : CINCH_MEMORY;
    cinch_data_free(data);
    return status;
}

/* ---- Images -------------------------------------------------------------------------------------------- */

/* A slanting bar, its place and slope by the row's number, over some noise. */
static void draw_image(uint32_t row, uint8_t *image)
{
    uint32_t state = row * 2654435761u + 1;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            state = state * 1103515245u + 12345;
            int far = 2 * j - 2 * (int)(9 + row % 10) - ((int)(row / 10 % 5) - 2) * (i - 14);
            bool on = i > 3 && i < 24 && far > -4 && far < 4;
            image[i * SIDE + j] = (uint8_t)(on                          ? 160 + (state >> 16) % 96
                                            : (state >> 16) % 1024 < 40 ? 60
                                                                        : 0);
        }
}

static cinch_status make_images(uint32_t first, uint32_t count, const char *path, cinch_error *error)
{
    uint8_t *images = malloc((size_t)count * PIXELS);
    cinch_status status = CINCH_MEMORY;
    for (uint32_t row = 0; images && row < count; row++)
        draw_image(first + row, images + (size_t)row * PIXELS);
    if (images)
        status = save(CINCH_U8, (cinch_shape){3, {count, SIDE, SIDE}}, images, path, error);
    free(images);
    return status;
}

static cinch_status stand_in(const bench_settings *settings, bench_rows *rows, cinch_error *error)
{
    uint32_t limit = settings->limit && settings->limit < TRAIN_ROWS ? (uint32_t)settings->limit : TRAIN_ROWS;
    rows->name = "images made here, in MNIST's shape";
    snprintf(rows->train, sizeof rows->train, "%s/train.npy", settings->folder);
    snprintf(rows->test, sizeof rows->test, "%s/test.npy", settings->folder);
    cinch_status status = make_images(0, limit, rows->train, error);
    return status ? status
                  : make_images(TRAIN_ROWS, limit < TEST_ROWS ? limit : TEST_ROWS, rows->test, error);
}

/* FOLDER as `scripts/mnist` prints it; empty where MNIST is nowhere. */
static void find_mnist(const bench_settings *settings, char folder[PATH_ROOM])
{
    bench_child child = {.threads = settings->threads, .output = folder, .noutput = PATH_ROOM};
    child_run((char *[]){"scripts/mnist", NULL}, &child);
    folder[child.status == 0 ? strcspn(folder, "\n") : 0] = '\0';
}

static cinch_status find_images(const bench_settings *settings, bench_rows *rows, cinch_error *error)
{
    char folder[PATH_ROOM] = "";
    find_mnist(settings, folder);
    const char *below = "/mnist";
    rows->name = "MNIST";
    if (!*folder) {
        snprintf(folder, sizeof folder, "/usr/share/datasets/fashion-mnist");
        below = "";
        rows->name = "Fashion-MNIST";
    }
    int train = snprintf(rows->train, PATH_ROOM, "%s%s/train-images-idx3-ubyte.gz", folder, below);
    int test = snprintf(rows->test, PATH_ROOM, "%s%s/t10k-images-idx3-ubyte.gz", folder, below);
    if (train < PATH_ROOM && test < PATH_ROOM && !access(rows->train, R_OK) && !access(rows->test, R_OK))
        return CINCH_OK;
    return stand_in(settings, rows, error);
}

/* ---- All of them --------------------------------------------------------------------------------------- */

static cinch_status save_donut(const bench_settings *settings, bench_rows *rows, cinch_error *error)
{
    snprintf(rows->donut, sizeof rows->donut, "%s/donut.npy", settings->folder);
    cinch_data *donut = cinch_data_load("donut", NULL, error);
    cinch_status status = donut ? cinch_data_save(donut, rows->donut, false, error) : CINCH_BAD_INPUT;
    if (donut) {
        const char *source = cinch_data_source(donut), *slash = strrchr(source, '/');
        snprintf(rows->donut_source, sizeof rows->donut_source, "%s", slash ? slash + 1 : source);
    }
    cinch_data_free(donut);
    return status;
}

static cinch_status save_digit(const bench_settings *settings, bench_rows *rows, cinch_error *error)
{
    float values[PIXELS];
    uint8_t pixels[PIXELS];
    snprintf(rows->digit, sizeof rows->digit, "%s/digit.npy", settings->folder);
    cinch_data *test = cinch_data_load(rows->test, NULL, error);
    cinch_status status = CINCH_BAD_INPUT;
    if (test && cinch_data_features(test) == PIXELS && cinch_data_rows(test) > 0) {
        cinch_data_get(test, 0, 1, values);
        for (size_t i = 0; i < PIXELS; i++)
            pixels[i] = (uint8_t)values[i];
        status = save(CINCH_U8, (cinch_shape){3, {1, SIDE, SIDE}}, pixels, rows->digit, error);
    }
    cinch_data_free(test);
    return status;
}

struct found {
    cinch_status status;
    cinch_error error;
    bench_rows rows;
};

/* In a process of its own, whose memory goes with it: a child's peak begins with what its parent has. */
static void find(const void *argument, void *result)
{
    const bench_settings *settings = argument;
    struct found *found = result;
    found->status = find_images(settings, &found->rows, &found->error);
    if (!found->status)
        found->status = save_donut(settings, &found->rows, &found->error);
    if (!found->status)
        found->status = save_digit(settings, &found->rows, &found->error);
}

cinch_status rows_find(const bench_settings *settings, bench_rows *rows, cinch_error *error)
{
    struct found found = {0};
    bench_child child = {.threads = settings->threads};
    child_call(find, settings, &found, sizeof found, &child);
    *rows = found.rows; /* its name is a constant of this program, at the same place in the child */
    if (child.status == 0)
        *error = found.error;
    return child.status == 0 ? found.status : CINCH_FAILED;
}
