/* cinch info: what a file holds. A model as a table of its layers, data by its shape and range. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

/* ---- A model ------------------------------------------------------------------------------------------- */

static size_t total_parameters(const cinch_model *model)
{
    size_t total = 0;
    for (size_t i = 0; i < cinch_model_nlayer(model); i++)
        total += cinch_model_layer(model, i).nparam;
    return total;
}

/* The next field of a CSV line, unquoted as history has them; false at the line's end. */
static bool next_field(const char **line, char *field, size_t room)
{
    if (**line == '\0' || **line == '\n' || **line == '\r')
        return false;
    size_t length = strcspn(*line, ",\r\n");
    snprintf(field, room, "%.*s", (int)(length < room ? length : room - 1), *line);
    *line += length + ((*line)[length] == ',');
    return true;
}

/* The history's last line; NULL where no epoch has ended. */
static const char *last_line(const char *history)
{
    const char *line = NULL;
    for (const char *end = strchr(history, '\n'); end && end[1]; end = strchr(end + 1, '\n'))
        line = end + 1;
    return line;
}

static void print_history(const char *history)
{
    const char *names = history, *line = last_line(history);
    char name[64], field[64];
    if (!line)
        return;
    fputs("history's end:", stdout);
    for (const char *gap = " ";
         next_field(&names, name, sizeof name) && next_field(&line, field, sizeof field); gap = ", ") {
        if (!field[0] || strcmp(field, "nan") == 0)
            continue;
        fputs(gap, stdout);
        cn_print_escaped(stdout, name);
        putchar(' ');
        cn_print_escaped(stdout, field);
    }
    putchar('\n');
}

static void print_rule(size_t width)
{
    while (width--)
        putchar('-');
    putchar('\n');
}

static void print_layers(const cinch_model *model)
{
    size_t widest = strlen("layer");
    for (size_t i = 0; i < cinch_model_nlayer(model); i++) {
        size_t length = strlen(cinch_model_layer(model, i).spec);
        widest = length > widest ? length : widest;
    }
    int wide = widest < 60 ? (int)widest : 60;
    char shape[CN_SHAPE_TEXT];
    printf("%-10s  %-*s  %12s  %12s\n", "place", wide, "layer", "output shape", "parameters");
    print_rule(40 + (size_t)wide);
    printf("%-10s  %-*s  %12s  %12d\n", "input", wide, "", cn_shape_text(cinch_model_input(model), shape), 0);
    for (size_t i = 0; i < cinch_model_nlayer(model); i++) {
        cinch_layer layer = cinch_model_layer(model, i);
        char place[40];
        snprintf(place, sizeof place, "%s.%zu", layer.pipeline, layer.index);
        printf("%-10s  ", place);
        cn_print_escaped(stdout, layer.spec);
        size_t length = strlen(layer.spec);
        printf("%*s  %12s  %12zu\n", length < (size_t)wide ? wide - (int)length : 0, "",
               cn_shape_text(layer.output, shape), layer.nparam);
    }
    print_rule(40 + (size_t)wide);
}

/* A scaler of many columns is as long as they are: then its kind alone. */
static void print_scaler(const char *scaler)
{
    size_t length = strlen(scaler);
    const char *end = strchr(scaler, '[');
    fputs("scaler: ", stdout);
    if (length > 200 && end) {
        char head[64];
        snprintf(head, sizeof head, "%.*s", end - scaler < 60 ? (int)(end - scaler) : 60, scaler);
        cn_print_escaped(stdout, head);
        fputs("[...", stdout);
    } else {
        cn_print_escaped(stdout, scaler);
    }
    putchar('\n');
}

/* The columns that a first layer has chosen, by name where the data had names. */
static void print_chosen(const cinch_model *model)
{
    size_t count = cinch_model_nchosen(model);
    if (count == 0)
        return;
    fputs("chosen columns:", stdout);
    for (size_t i = 0; i < count; i++) {
        size_t column = cinch_model_chosen(model, i);
        const char *name = cinch_model_column(model, column);
        fputs(i ? ", " : " ", stdout);
        if (name)
            cn_print_name(stdout, name);
        else
            printf("%zu", column);
    }
    putchar('\n');
}

static void print_model(const cinch_model *model)
{
    size_t input = cn_shape_values(cinch_model_input(model)), code = cn_shape_values(cinch_model_code(model));
    const char *scaler = cinch_model_scaler(model), *history = cinch_model_history(model);
    print_layers(model);
    printf("parameters: %zu (%zu bytes)\n", total_parameters(model), total_parameters(model) * sizeof(float));
    printf("code: %zu of %zu (%.3g %%)\n", code, input, input ? 100 * (double)code / (double)input : 0);
    print_chosen(model);
    if (scaler)
        print_scaler(scaler);
    if (history)
        print_history(history);
}

static void json_layers(cn_json *json, const cinch_model *model)
{
    cn_json_open(json, "layers", '[');
    for (size_t i = 0; i < cinch_model_nlayer(model); i++) {
        cinch_layer layer = cinch_model_layer(model, i);
        cn_json_open(json, NULL, '{');
        cn_json_text(json, "pipeline", layer.pipeline);
        cn_json_count(json, "index", layer.index);
        cn_json_text(json, "spec", layer.spec);
        cn_json_shape(json, "input", layer.input);
        cn_json_shape(json, "output", layer.output);
        cn_json_count(json, "params", layer.nparam);
        cn_json_close(json, '}');
    }
    cn_json_close(json, ']');
}

static void json_chosen(cn_json *json, const cinch_model *model)
{
    cn_json_open(json, "chosen", '[');
    for (size_t i = 0; i < cinch_model_nchosen(model); i++) {
        size_t column = cinch_model_chosen(model, i);
        cn_json_open(json, NULL, '{');
        cn_json_count(json, "column", column);
        if (cinch_model_column(model, column))
            cn_json_text(json, "name", cinch_model_column(model, column));
        cn_json_close(json, '}');
    }
    cn_json_close(json, ']');
}

static void json_history(cn_json *json, const char *history)
{
    const char *names = history, *line = last_line(history);
    char name[64], field[64];
    if (!line)
        return;
    cn_json_open(json, "history_end", '{');
    while (next_field(&names, name, sizeof name) && next_field(&line, field, sizeof field)) {
        char *end;
        double value = strtod(field, &end);
        cn_json_number(json, name, end != field && !*end ? value : (double)NAN);
    }
    cn_json_close(json, '}');
}

static void json_model(const cinch_model *model)
{
    cn_json json = {0};
    const char *scaler = cinch_model_scaler(model), *history = cinch_model_history(model);
    cn_json_open(&json, NULL, '{');
    cn_json_text(&json, "kind", "model");
    cn_json_count(&json, "params", total_parameters(model));
    cn_json_shape(&json, "input", cinch_model_input(model));
    cn_json_shape(&json, "code", cinch_model_code(model));
    json_layers(&json, model);
    if (cinch_model_nchosen(model))
        json_chosen(&json, model);
    if (scaler)
        cn_json_raw(&json, "scaler", scaler);
    if (history)
        json_history(&json, history);
    cn_json_close(&json, '}');
    putchar('\n');
}

/* ---- Data ---------------------------------------------------------------------------------------------- */

static void print_columns(const cinch_data *data)
{
    enum { MOST = 20 };
    size_t features = cinch_data_features(data);
    if (features == 0 || !cinch_data_column(data, 0))
        return;
    fputs("columns:", stdout);
    for (size_t i = 0; i < features && i < MOST; i++) {
        const char *name = cinch_data_column(data, i);
        fputs(i ? ", " : " ", stdout);
        cn_print_name(stdout, name ? name : "");
    }
    puts(features > MOST ? ", ..." : "");
}

static void print_data(const cinch_data *data)
{
    char shape[CN_SHAPE_TEXT];
    cinch_summary summary = cinch_data_summary(data);
    printf("shape: %s\n", cn_shape_text(cinch_data_shape(data), shape));
    printf("type: %s\n", cinch_type_name(cinch_data_type(data)));
    print_columns(data);
    printf("range: %.9g to %.9g\n", summary.minimum, summary.maximum);
    printf("sum: %.17g\n", summary.sum);
    printf("nan: %zu\n", summary.nan);
    printf("infinite: %zu\n", summary.infinite);
}

static void json_data(const cinch_data *data)
{
    cn_json json = {0};
    cinch_summary summary = cinch_data_summary(data);
    cn_json_open(&json, NULL, '{');
    cn_json_text(&json, "kind", "data");
    cn_json_shape(&json, "shape", cinch_data_shape(data));
    cn_json_text(&json, "type", cinch_type_name(cinch_data_type(data)));
    cn_json_number(&json, "minimum", summary.minimum);
    cn_json_number(&json, "maximum", summary.maximum);
    cn_json_number(&json, "sum", summary.sum);
    cn_json_count(&json, "nan", summary.nan);
    cn_json_count(&json, "infinite", summary.infinite);
    if (cinch_data_features(data) && cinch_data_column(data, 0)) {
        cn_json_open(&json, "columns", '[');
        for (size_t i = 0; i < cinch_data_features(data); i++)
            cn_json_text(&json, NULL, cinch_data_column(data, i) ? cinch_data_column(data, i) : "");
        cn_json_close(&json, ']');
    }
    cn_json_close(&json, '}');
    putchar('\n');
}

/* ---- Which of the two ---------------------------------------------------------------------------------- */

/* A run's, finished or not: what no folder of pictures holds. */
static bool is_run_folder(const char *path)
{
    static const char *const names[] = {"model.safetensors", "recipe.ini", "history.csv"};
    char inside[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int length = snprintf(inside, sizeof inside, "%s/%s", path, names[i]);
        if (length > 0 && (size_t)length < sizeof inside && access(inside, F_OK) == 0)
            return true;
    }
    return false;
}

/* A safetensors file begins with eight bytes of length and a brace; the rest is data. */
static bool looks_like_model(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    if (S_ISDIR(status.st_mode))
        return is_run_folder(path);
    FILE *file = S_ISREG(status.st_mode) ? fopen(path, "rb") : NULL;
    char head[9] = {0};
    size_t nbytes = file ? fread(head, 1, sizeof head, file) : 0;
    if (file)
        fclose(file);
    return nbytes == sizeof head && head[8] == '{';
}

static cinch_status info_model(const cn_arguments *arguments, cinch_error *error)
{
    cinch_model *model = cn_model_open(arguments->words[0], error);
    if (!model)
        return error->status;
    if (cn_flag_given(arguments, "json"))
        json_model(model);
    else
        print_model(model);
    cinch_model_free(model);
    return CINCH_OK;
}

static cinch_status info_data(const cn_arguments *arguments, cinch_error *error)
{
    cinch_data *data = cn_data_open(arguments, arguments->words[0], NULL, error);
    if (!data)
        return error->status;
    if (cn_flag_given(arguments, "json"))
        json_data(data);
    else
        print_data(data);
    cinch_data_free(data);
    return CINCH_OK;
}

static int run(const cn_arguments *arguments, cinch_error *error)
{
    bool model = looks_like_model(arguments->words[0]);
    return (int)(model ? info_model(arguments, error) : info_data(arguments, error));
}

static const cn_flag flags[] = {
    CN_DATA_FLAGS,
    {NULL, 0, NULL, NULL},
};

const cn_command cn_command_info = {
    .name = "info",
    .usage = "FILE [--json]",
    .summary = "what a model or a data file holds",
    .examples = "cinch info run\n"
                "cinch info flowers.csv\n"
                "cinch info run --json\n",
    .description =
        "Of a model (or a run folder): its layers, shapes and parameters, code, the columns that\n"
        "`concrete` chose (counted from 0 where they have no names), scaler, history's end.\n"
        "Of data (a file, or a folder of PNG files): shape, type, range, sum, how many values are not "
        "finite.",
    .flags = flags,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
