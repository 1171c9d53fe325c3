/* Every figure of the table, as PNG, SVG and PDF: whole files that show something, equal for equal
 * models, hostile names drawn and not obeyed; what is refused; memory that ends; the figures of a run. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "base/file.h"
#include "base/late.h"
#include "base/memory.h"
#include "counted.h"
#include "report/figure.h"

enum { ROWS = 60, SIDE = 8, PIXELS = SIDE * SIDE };

static char folder[] = "/tmp/cinch-figures-XXXXXX";
static cinch_model *images_model, *noisy_model, *table_model;
static cinch_model *choosing[2]; /* these begin with `concrete` */
static cinch_model *drawing[2];  /* these have a code of two values, drawn */
static cinch_model *plane;       /* this one too, not drawn */
static cinch_data *images, *table;

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- Models ---------------------------------------------------------------------------------------- */

static cinch_model *train_net(const cinch_data *data, const char *encoder, const char *decoder,
                              const char *validation)
{
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    cinch_recipe_set(recipe, "encoder", encoder, &error);
    cinch_recipe_set(recipe, "decoder", decoder, &error);
    cinch_recipe_set(recipe, "validation", validation, &error);
    cinch_recipe_set(recipe, "epochs", "3", &error);
    cinch_recipe_set(recipe, "threads", "1", &error);
    cinch_trainer *trainer = cinch_trainer_new(recipe, data, &error);
    cinch_trainer_run(trainer, NULL, NULL, &error);
    cinch_model *model = error.status ? NULL : cinch_trainer_model(trainer, &error);
    if (!model)
        fail_msg("%s", error.message);
    cinch_trainer_free(trainer);
    cinch_recipe_free(recipe);
    return model;
}

static cinch_model *train(const cinch_data *data, const char *encoder, const char *validation)
{
    return train_net(data, encoder, "mirror", validation);
}

/* Bright squares at places that differ. */
static cinch_data *make_images(void)
{
    static unsigned char pixels[ROWS][SIDE][SIDE];
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++)
                pixels[r][r % 5 + i][r / 5 % 5 + j] = (unsigned char)(160 + r);
    return cinch_data_new(CINCH_U8, (cinch_shape){3, {ROWS, SIDE, SIDE}}, pixels, NULL);
}

/* A table whose file, columns and classes have names that no terminal, SVG or XML should meet. */
static cinch_data *make_table(void)
{
    static const char *const classes[] = {
        "\"<script>alert(1)</script>\"", "a&amp;b & c", "bad\xff\xfe", "\xe2\x80\xaeturned",
        "long long long long long long long long long long long long long name"};
    char *path = cn_copy_text(path_of("<b>&\"rows.csv"), NULL);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("<i>a</i>,b & c,d,kind\n", file);
    for (int r = 0; r < ROWS; r++)
        fprintf(file, "%d,%g,%d,%s\n", r % 7, sin(r), r * r % 11, classes[r % 5]);
    fclose(file);
    cinch_error error = {0};
    cinch_recipe *recipe = cinch_recipe_new(&error);
    cinch_recipe_set(recipe, "label", "kind", &error);
    cinch_data *data = cinch_data_load(path, recipe, &error);
    if (!data)
        fail_msg("%s", error.message);
    cinch_recipe_free(recipe);
    cn_free(path);
    return data;
}

/* ---- Pictures -------------------------------------------------------------------------------------- */

/* Opened by libpng; how many of its pixels are not white. */
static size_t check_png(const char *path, unsigned *width, unsigned *height)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        fail_msg("%s: %s", path, image.message);
    image.format = PNG_FORMAT_GRAY;
    unsigned char *pixels = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(pixels);
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    size_t drawn = 0;
    for (size_t i = 0; i < PNG_IMAGE_SIZE(image); i++)
        drawn += pixels[i] < 250;
    *width = image.width;
    *height = image.height;
    free(pixels);
    return drawn;
}

/* One element after the other, each closed in its turn, no bare & and nothing after the last. */
static void check_svg(const char *path, const char *text)
{
    enum { DEEPEST = 64 };
    const char *names[DEEPEST];
    size_t lengths[DEEPEST], depth = 0, roots = 0;
    assert_memory_equal(text, "<?xml", 5);
    for (const char *c = text; *c; c++) {
        if (*c == '&' && strncmp(c, "&amp;", 5) && strncmp(c, "&lt;", 4) && strncmp(c, "&gt;", 4) &&
            strncmp(c, "&quot;", 6) && strncmp(c, "&#", 2))
            fail_msg("%s: a bare &", path);
        assert_true((unsigned char)*c >= 32 || *c == '\n' || *c == '\t');
        if (*c != '<' || c[1] == '?')
            continue;
        const char *end = strchr(c, '>');
        assert_non_null(end);
        if (c[1] == '/') {
            assert_true(depth > 0);
            depth--;
            if (strncmp(c + 2, names[depth], lengths[depth]) || c[2 + lengths[depth]] != '>')
                fail_msg("%s: <%.*s> is closed by %.20s", path, (int)lengths[depth], names[depth], c);
        } else if (end[-1] != '/') {
            assert_true(depth < DEEPEST);
            roots += depth == 0;
            names[depth] = c + 1;
            lengths[depth++] = strcspn(c + 1, " >\n");
        }
        c = end;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
    assert_null(strstr(text, "script"));
}

static void check_text_picture(const char *path, bool svg)
{
    cn_bytes bytes;
    assert_int_equal(cn_file_read(path, 1 << 26, &bytes, NULL), CINCH_OK);
    assert_true(bytes.nbytes > 1000);
    if (svg) {
        char *text = cn_new(bytes.nbytes + 1, 1, NULL);
        memcpy(text, bytes.data, bytes.nbytes);
        assert_int_equal(strlen(text), bytes.nbytes);
        check_svg(path, text);
        cn_free(text);
    } else {
        assert_memory_equal(bytes.data, "%PDF-1.", 7);
        assert_memory_equal(bytes.data + bytes.nbytes - 6, "%%EOF\n", 6);
    }
    cn_bytes_clear(&bytes);
}

/* Of the table, the images, or, where the spec asks for noise, the images by a model that has some; by a
 * model whose code is drawn where it asks for what is generated, or for a map by its name, or for a plane. */
static cinch_status draw(const char *spec, bool of_table, const char *name, cinch_error *error)
{
    const cinch_model *model = strncmp(spec, "mask", 4) == 0 ? choosing[of_table]
                               : strstr(spec, "generated")   ? drawing[of_table]
                               : strstr(spec, "as=map")      ? drawing[of_table]
                               : strstr(spec, "as=plane")    ? plane
                               : of_table                    ? table_model
                               : strstr(spec, "nois")        ? noisy_model
                                                             : images_model;
    bool other = of_table && model != plane;
    cinch_figure_input input = {.model = model, .data = other ? table : images, .threads = 1};
    return cinch_figure_draw(spec, &input, path_of(name), error);
}

static void must_draw(const char *spec, bool of_table, const char *name)
{
    cinch_error error = {0};
    if (draw(spec, of_table, name, &error))
        fail_msg("%s: %s", spec, error.message);
}

/* The text pictures have the PNG's size in points; a PNG has two pixels each. */
static void draw_thrice(const char *spec, bool of_table)
{
    unsigned width, height;
    must_draw(spec, of_table, "a.png");
    size_t drawn = check_png(path_of("a.png"), &width, &height);
    if (drawn < 500 || width < 600 || width > 1400 || height < 100 || height > 3000)
        fail_msg("%s: %zu pixels drawn of %u x %u", spec, drawn, width, height);
    must_draw(spec, of_table, "a.svg");
    check_text_picture(path_of("a.svg"), true);
    must_draw(spec, of_table, "a.pdf");
    check_text_picture(path_of("a.pdf"), false);
}

static void test_every_figure(void **state)
{
    (void)state;
    for (const cn_figure *const *figure = cn_figures; *figure; figure++)
        for (int of_table = 0; of_table < 2; of_table++) {
            draw_thrice((*figure)->part.name, of_table);
            draw_thrice((*figure)->part.example, of_table);
        }
    draw_thrice("compare n=3 rows=code,input,reconstruction,input code=2x3", false);
    draw_thrice("compare n=40 rows=code", true);
    draw_thrice("grid 1 of=input", false);
    draw_thrice("grid 3 when=before", false);
    draw_thrice("grid 50", true);
    draw_thrice("filters n=1", false);
    draw_thrice("latent points=1", true);
    draw_thrice("histogram of=means bins=1", false);
    for (int of_table = 0; of_table < 2; of_table++) {
        draw_thrice("grid 4 of=generated seed=9", of_table);
        draw_thrice("grid 3 of=generated when=before", of_table);
        draw_thrice("walk 9 as=map", of_table);
        draw_thrice("walk 1 as=map", of_table);
        draw_thrice("walk 1 lines=1", of_table);
        draw_thrice("walk 30 lines=50", of_table);
    }
    draw_thrice("walk 9 as=plane", false);
    draw_thrice("walk 1 as=plane", false);
}

static void refuse(const char *spec, bool with_rows, const char *name, cinch_status wanted, const char *words)
{
    cinch_error error = {0};
    cinch_figure_input input = {.model = images_model, .data = with_rows ? images : NULL};
    cinch_status status = cinch_figure_draw(spec, &input, path_of(name), &error);
    if (status != wanted || error.status != wanted || !strstr(error.message, words))
        fail_msg("%s to %s: status %d, \"%s\"", spec, name, (int)status, error.message);
    assert_true(access(path_of(name), F_OK) != 0);
}

/* Codes of images: of one channel, and of several, laid side by side; rows with noise, which a model
 * without it refuses. */
static void test_image_codes(void **state)
{
    (void)state;
    static const cinch_shape shapes[] = {
        {3, {ROWS, SIDE, SIDE}}, {4, {ROWS, SIDE / 2, SIDE / 2, 4}}, {4, {ROWS, SIDE, 4, 2}}};
    for (size_t i = 0; i < 3; i++) {
        cinch_error error = {0};
        cinch_data *data = cinch_data_view(CINCH_U8, shapes[i], images->array.values, &error);
        cinch_model *model = train_net(data, "noise mask 0.3", "dense 64", "0");
        cinch_figure_input input = {.model = model, .data = data, .threads = 1};
        static const char *const specs[] = {"compare n=4 rows=noisy,reconstruction,code,input",
                                            "compare n=4 rows=code code=2x32", "grid 3 of=input noise=true",
                                            "grid 3 noise=true when=before"};
        for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
            unsigned width, height;
            if (cinch_figure_draw(specs[s], &input, path_of("c.png"), &error))
                fail_msg("%s: %s", specs[s], error.message);
            assert_true(check_png(path_of("c.png"), &width, &height) > 500);
        }
        cinch_model_free(model);
        cinch_data_free(data);
    }
    refuse("compare rows=noisy,input", true, "no.png", CINCH_USAGE, "does not begin with noise");
    refuse("grid noise=true", true, "no.png", CINCH_USAGE, "does not begin with noise");
    refuse("grid of=generated noise=true", true, "no.png", CINCH_USAGE, "noise is of rows");
    refuse("grid of=generated", true, "no.png", CINCH_USAGE, "does not end in a variational layer");
    refuse("walk", false, "no.png", CINCH_USAGE, "name their file after the model");
}

static void same_file(const char *a, const char *b)
{
    cn_bytes left, right;
    assert_int_equal(cn_file_read(a, 1 << 26, &left, NULL), CINCH_OK);
    assert_int_equal(cn_file_read(path_of(b), 1 << 26, &right, NULL), CINCH_OK);
    assert_int_equal(left.nbytes, right.nbytes);
    assert_memory_equal(left.data, right.data, left.nbytes);
    cn_bytes_clear(&left);
    cn_bytes_clear(&right);
}

/* What is generated, and the map of a drawn code, are the same without rows as with them; by another seed
 * they are not. */
static void test_rowless(void **state)
{
    (void)state;
    static const char *const specs[] = {"grid 3 of=generated", "walk 4"};
    for (size_t s = 0; s < 2; s++) {
        cinch_error error = {0};
        cinch_figure_input with = {.model = drawing[0], .data = images}, without = {.model = drawing[0]};
        if (cinch_figure_draw(specs[s], &with, path_of("with.png"), &error) ||
            cinch_figure_draw(specs[s], &without, path_of("without.png"), &error))
            fail_msg("%s: %s", specs[s], error.message);
        char *path = cn_copy_text(path_of("with.png"), NULL);
        same_file(path, "without.png");
        cn_free(path);
    }
    cinch_figure_input plain = {.model = plane};
    cinch_error error = {0};
    assert_int_equal(cinch_figure_draw("walk", &plain, path_of("none.png"), &error), CINCH_USAGE);
    must_draw("grid 3 of=generated seed=1", false, "one.png");
    must_draw("grid 3 of=generated seed=2", false, "two.png");
    cn_bytes one, two;
    assert_int_equal(cn_file_read(path_of("one.png"), 1 << 26, &one, NULL), CINCH_OK);
    assert_int_equal(cn_file_read(path_of("two.png"), 1 << 26, &two, NULL), CINCH_OK);
    assert_true(one.nbytes != two.nbytes || memcmp(one.data, two.data, one.nbytes));
    cn_bytes_clear(&one);
    cn_bytes_clear(&two);
}

/* In a process of its own, as two runs are: cairo numbers what it puts into an SVG. */
static void draw_apart(const char *spec, const char *name)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(draw(spec, false, name, NULL) == CINCH_OK ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_equal_files(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"1.png", "2.png"}, {"1.svg", "2.svg"}, {"1.pdf", "2.pdf"}};
    for (size_t i = 0; i < 3; i++) {
        draw_apart("compare rows=input,reconstruction,code", names[i][0]);
        draw_apart("compare rows=input,reconstruction,code", names[i][1]);
        char *path = cn_copy_text(path_of(names[i][0]), NULL);
        same_file(path, names[i][1]);
        cn_free(path);
    }
}

/* `before` is the trained net with the weights that its seed draws and no biases, whatever it has
 * learned. */
static void test_before(void **state)
{
    (void)state;
    cinch_model *fresh = cn_model_copy(images_model, NULL);
    for (size_t i = 0; i < fresh->nparameter; i++)
        memset(fresh->parameters[i].values, 0, fresh->parameters[i].count * sizeof(float));
    assert_int_equal(cn_model_init(fresh, "", NULL), CINCH_OK);
    cinch_figure_input input = {.model = images_model, .before = fresh, .data = images};
    assert_int_equal(cinch_figure_draw("grid 4 when=before", &input, path_of("given.png"), NULL), CINCH_OK);
    must_draw("grid 4 when=before", false, "drawn.png");
    must_draw("grid 4", false, "after.png");
    char *given = cn_copy_text(path_of("given.png"), NULL);
    same_file(given, "drawn.png");
    cn_bytes before, after;
    assert_int_equal(cn_file_read(given, 1 << 26, &before, NULL), CINCH_OK);
    assert_int_equal(cn_file_read(path_of("after.png"), 1 << 26, &after, NULL), CINCH_OK);
    assert_true(before.nbytes != after.nbytes || memcmp(before.data, after.data, before.nbytes));
    cn_bytes_clear(&before);
    cn_bytes_clear(&after);
    cn_free(given);
    cinch_model_free(fresh);
}

/* ---- Colours --------------------------------------------------------------------------------------- */

/* In grey print the scale still rises, step by step (luma of Rec. 709). */
static void test_scale_rises(void **state)
{
    (void)state;
    double last = -1;
    for (int i = 0; i <= 32; i++) {
        cn_colour colour = cn_colour_scale(i / 32.0);
        double luma = 0.2126 * (colour >> 16 & 255) + 0.7152 * (colour >> 8 & 255) + 0.0722 * (colour & 255);
        assert_true(luma > last + 2);
        last = luma;
    }
    assert_true(last > 210);
    assert_int_equal(cn_colour_scale(-5), cn_colour_scale(0));
    assert_int_equal(cn_colour_scale(INFINITY), cn_colour_scale(1));
}

/* ---- Refusals -------------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    (void)state;
    refuse("los", true, "no.png", CINCH_USAGE, "the nearest is \"loss\"");
    refuse("loss", true, "no.gif", CINCH_USAGE, ".png, .svg or .pdf");
    refuse("compare", false, "no.png", CINCH_USAGE, "name their file after the model");
    refuse("compare rows=input,kode", true, "no.png", CINCH_USAGE, "\"kode\"");
    refuse("compare rows=", true, "no.png", CINCH_USAGE, "none of");
    refuse("compare code=5x5", true, "no.png", CINCH_USAGE, "25 values, the model's code 6");
    refuse("compare code=x", true, "no.png", CINCH_USAGE, "3x3");
    refuse("grid 0", true, "no.png", CINCH_USAGE, "below 1");
    refuse("grid 3 as=../x", true, "no.png", CINCH_USAGE, "without slashes");
    refuse("loss", true, "no/where/no.png", CINCH_IO, "no/where");
    cinch_error error = {0};
    cinch_figure_input input = {.model = images_model, .data = table};
    assert_int_equal(cinch_figure_draw("grid", &input, path_of("no.png"), &error), CINCH_BAD_INPUT);
    assert_non_null(strstr(error.message, "its rows have 3 values, the model takes 64"));
}

/* Each allocation fails in its turn: memory's status, one line, nothing held. */
static void test_memory(void **state)
{
    (void)state;
    static const char *const specs[] = {"compare n=2 rows=input,reconstruction,code",
                                        "grid 2 when=before",
                                        "loss",
                                        "debug points=9",
                                        "compare n=2 rows=noisy,reconstruction",
                                        "latent",
                                        "grid 2 noise=true",
                                        "histogram",
                                        "filters",
                                        "net",
                                        "mask",
                                        "mask as=strip",
                                        "grid 2 of=generated",
                                        "grid 2 of=generated when=before",
                                        "walk 2 as=map",
                                        "walk 2 lines=2",
                                        "walk 2 as=plane",
                                        "walk 3 as=map"};
    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
        size_t place = 1, blocks = counted_memory.blocks;
        cinch_status status = CINCH_MEMORY;
        for (; status; place++) {
            cinch_error error = {0};
            counted_memory.fail_at = counted_memory.calls + place;
            status = draw(specs[s], s % 2, s % 2 ? "m.svg" : "m.png", &error);
            bool met = counted_memory.calls >= counted_memory.fail_at;
            counted_memory.fail_at = 0;
            if (status && (status != CINCH_MEMORY || error.status != status || strchr(error.message, '\n')))
                fail_msg("%s, allocation %zu: status %d, \"%s\"", specs[s], place, (int)status,
                         error.message);
            if (counted_memory.blocks != blocks)
                fail_msg("%s, allocation %zu: leaks", specs[s], place);
            assert_true(status || !met);
        }
        assert_true(place > 5);
    }
}

/* ---- A run ----------------------------------------------------------------------------------------- */

static cinch_status run(const char *figures, const char *name, cinch_error *error)
{
    char *run_folder = cn_copy_text(path_of(name), NULL),
         *rows = cn_copy_text(path_of("<b>&\"rows.csv"), NULL);
    cinch_recipe *recipe = cinch_recipe_new(error);
    cinch_recipe_set(recipe, "train", rows, error);
    cinch_recipe_set(recipe, "label", "kind", error);
    cinch_recipe_set(recipe, "encoder", "dense 2", error);
    cinch_recipe_set(recipe, "epochs", "2", error);
    cinch_recipe_set(recipe, "figures", figures, error);
    cinch_status status = error->status ? error->status : cinch_run(recipe, run_folder, NULL, NULL, error);
    cinch_recipe_free(recipe);
    cn_free(run_folder);
    cn_free(rows);
    return status;
}

static void test_run(void **state)
{
    (void)state;
    static const char *const left[] = {"run/loss.png", "run/one.png", "run/grid.png",
                                       "run/model.safetensors"};
    cinch_error error = {0};
    if (run("loss | grid 2 when=before as=one | grid 2 of=input", "run", &error))
        fail_msg("%s", error.message);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        assert_true(access(path_of(left[i]), R_OK) == 0);
    unsigned width, height;
    assert_true(check_png(path_of("run/loss.png"), &width, &height) > 500);
}

/* What is wrong with the figures is said before anything is written. */
static void test_run_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"lost", "the nearest is \"loss\""},
                                           {"loss | loss", "two are named \"loss\""},
                                           {"compare code=3x3", "9 values, the model's code 2"},
                                           {"net as=a/b", "without slashes"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cinch_error error = {0};
        assert_int_equal(run(wrong[i][0], "refused", &error), CINCH_USAGE);
        if (!strstr(error.message, wrong[i][1]))
            fail_msg("%s: %s", wrong[i][0], error.message);
        assert_true(access(path_of("refused"), F_OK) != 0);
    }
}

/* ---- Opening late ---------------------------------------------------------------------------------- */

static void test_late(void **state)
{
    (void)state;
    cinch_error error = {0}, other = {0};
    assert_non_null(cn_late_open("cinch-cairo", CN_PAINTER_SYMBOL, &error));
    assert_int_equal(error.status, CINCH_OK);
    assert_null(cn_late_open("cinch-cairo", "cn_painter_0", &error));
    assert_int_equal(error.status, CINCH_FAILED);
    assert_non_null(strstr(error.message, "late/cinch-cairo.so"));
    assert_non_null(strstr(error.message, "install the package libcairo2"));
    assert_null(cn_late_open("../cinch-cairo", CN_PAINTER_SYMBOL, &other));
    assert_int_equal(other.status, CINCH_FAILED);
}

/* ---- Beginning and end ----------------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    counted_begin(0);
    if (!mkdtemp(folder))
        return 1;
    images = make_images();
    table = make_table();
    images_model = train(images, "dense 6 relu", "0");
    noisy_model = train(images, "noise gaussian 0.2 | dense 6 relu", "0");
    table_model = train(table, "dense 5 tanh | dense 3", "0.2");
    choosing[0] = train(images, "concrete 5", "0");
    choosing[1] = train(table, "concrete 4 | dense 2", "0.2");
    drawing[0] = train(images, "dense 6 tanh | variational 2", "0");
    drawing[1] = train(table, "variational 2", "0");
    plane = train(images, "dense 2", "0");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cinch_model_free(images_model);
    cinch_model_free(noisy_model);
    cinch_model_free(table_model);
    cinch_model_free(choosing[0]);
    cinch_model_free(choosing[1]);
    cinch_model_free(drawing[0]);
    cinch_model_free(drawing[1]);
    cinch_model_free(plane);
    cinch_data_free(images);
    cinch_data_free(table);
    size_t held = counted_memory.blocks;
    counted_end();
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || held != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_figure), cmocka_unit_test(test_equal_files),
        cmocka_unit_test(test_before),       cmocka_unit_test(test_scale_rises),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_late),         cmocka_unit_test(test_run),
        cmocka_unit_test(test_run_refused),  cmocka_unit_test(test_image_codes),
        cmocka_unit_test(test_rowless),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
