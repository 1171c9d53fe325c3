#include "base/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/ini.h"
#include "base/memory.h"

enum { MOST_BYTES = 1 << 20, NSECTION = 4 };

/* Where a relative path is looked up first. */
typedef enum origin { FROM_DEFAULT, FROM_FILE, FROM_FLAG } origin;

/* texts are canonical where the key has a type, so that equal settings print equal; NULL is the default,
 * whose value lies in values all the same. A CN_TEXT key has no value but its text. */
struct cinch_recipe {
    char *texts[CN_NKEY];
    cn_value values[CN_NKEY];
    origin origins[CN_NKEY];
    char *source;      /* the file it was read from, for messages; NULL for none */
    char *folder;      /* of that file; NULL for none */
    char *data_folder; /* set by the caller; NULL: ask the environment */
};

static const char *const sections[NSECTION + 1] = {"data", "model", "train", "report", NULL};

/* ---- Keys ---------------------------------------------------------------------------------------------- */

/* CN_NKEY where there is none. */
static cn_key find_key(const char *name)
{
    for (cn_key key = 0; key < CN_NKEY; key++)
        if (cn_key_equal(cn_recipe_keys[key].option.name, name))
            return key;
    return CN_NKEY;
}

static cinch_status fail_key(const char *name, cinch_status status, cinch_error *error)
{
    const char *names[CN_NKEY + 1] = {NULL};
    for (cn_key key = 0; key < CN_NKEY; key++)
        names[key] = cn_recipe_keys[key].option.name;
    const char *nearest = cn_text_nearest(name, names);
    if (nearest)
        return cn_fail(error, status, "unknown key \"%.80s\"; the nearest is \"%s\" (see cinch help recipe)",
                       name, nearest);
    return cn_fail(error, status, "unknown key \"%.80s\" (see cinch help recipe)", name);
}

const char *cn_recipe_text(const cinch_recipe *recipe, cn_key key)
{
    return recipe->texts[key] ? recipe->texts[key] : cn_recipe_keys[key].option.standard;
}

cn_value cn_recipe_value(const cinch_recipe *recipe, cn_key key)
{
    if (cn_recipe_keys[key].option.type == CN_TEXT)
        return (cn_value){.text = cn_recipe_text(recipe, key)};
    return recipe->values[key];
}

bool cn_recipe_is_set(const cinch_recipe *recipe, cn_key key)
{
    return recipe->texts[key] != NULL;
}

cinch_status cn_recipe_blame(const cinch_recipe *recipe, cn_key key, cinch_status status, cinch_error *error)
{
    if (status != CINCH_USAGE && status != CINCH_BAD_INPUT)
        return status;
    cn_fail_prefix(error, "%s: ", cn_recipe_keys[key].option.name);
    if (recipe->source && recipe->origins[key] != FROM_FLAG) {
        cn_fail_prefix(error, "%s: ", recipe->source);
        status = CINCH_BAD_INPUT;
    }
    if (error)
        error->status = status;
    return status;
}

/* ---- Setting ------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The value without the blanks around it, refused where a line of an INI file could not carry it. */
static char *one_line(const cn_option *option, const char *value, cinch_error *error)
{
    while (is_blank(*value))
        value++;
    size_t length = strlen(value);
    while (length > 0 && is_blank(value[length - 1]))
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            cn_fail(error, CINCH_USAGE, "%s: a value is one line without control characters", option->name);
            return NULL;
        }
    }
    cn_text text = {0};
    cn_text_add_bytes(&text, value, length);
    return cn_text_take(&text, error);
}

static char *print_value(const cn_option *option, cn_value value, cinch_error *error)
{
    cn_text text = {0};
    cn_value_print(option, value, &text);
    return cn_text_take(&text, error);
}

/* Parses `line`, gives it up and returns the text to keep; NULL on failure. */
static char *canonical(const cn_option *option, char *line, cn_value *value, cinch_error *error)
{
    if (option->type == CN_TEXT && (line[0] || !option->standard[0]))
        return line;
    char *text = NULL;
    if (option->type == CN_TEXT)
        cn_fail(error, CINCH_USAGE, "%s: the value is missing; the default is %s", option->name,
                option->standard);
    else if (cn_value_parse(option, line, value, error) == CINCH_OK)
        text = print_value(option, *value, error);
    cn_free(line);
    return text;
}

static cinch_status set_key(cinch_recipe *recipe, cn_key key, const char *value, origin from,
                            cinch_error *error)
{
    const cn_option *option = &cn_recipe_keys[key].option;
    cinch_error local = {0};
    cn_value parsed = {0};
    char *line = one_line(option, value, &local);
    char *text = line ? canonical(option, line, &parsed, &local) : NULL;
    if (!text)
        return cn_fail(error, local.status, "%s", local.message);
    cn_free(recipe->texts[key]);
    recipe->texts[key] = text;
    recipe->values[key] = parsed;
    recipe->origins[key] = from;
    return CINCH_OK;
}

cinch_status cinch_recipe_set(cinch_recipe *recipe, const char *key, const char *value, cinch_error *error)
{
    cn_key found = find_key(key);
    if (found == CN_NKEY)
        return fail_key(key, CINCH_USAGE, error);
    return set_key(recipe, found, value ? value : "", FROM_FLAG, error);
}

const char *cinch_recipe_get(const cinch_recipe *recipe, const char *key)
{
    cn_key found = find_key(key);
    return found == CN_NKEY ? NULL : cn_recipe_text(recipe, found);
}

static cinch_status set_copy(char **place, const char *text, cinch_error *error)
{
    char *copy = text ? cn_copy_text(text, error) : NULL;
    if (text && !copy)
        return CINCH_MEMORY;
    cn_free(*place);
    *place = copy;
    return CINCH_OK;
}

cinch_status cinch_recipe_set_data_folder(cinch_recipe *recipe, const char *folder, cinch_error *error)
{
    return set_copy(&recipe->data_folder, folder, error);
}

/* ---- New, copied, ended -------------------------------------------------------------------------------- */

cinch_recipe *cinch_recipe_new(cinch_error *error)
{
    cinch_recipe *recipe = cn_new(1, sizeof *recipe, error);
    if (!recipe)
        return NULL;
    for (cn_key key = 0; key < CN_NKEY; key++) {
        const cn_option *option = &cn_recipe_keys[key].option;
        if (cn_value_parse(option, option->standard, &recipe->values[key], error) != CINCH_OK) {
            cinch_recipe_free(recipe);
            return NULL;
        }
    }
    return recipe;
}

void cinch_recipe_free(cinch_recipe *recipe)
{
    if (!recipe)
        return;
    for (cn_key key = 0; key < CN_NKEY; key++)
        cn_free(recipe->texts[key]);
    cn_free(recipe->source);
    cn_free(recipe->folder);
    cn_free(recipe->data_folder);
    cn_free(recipe);
}

cinch_recipe *cn_recipe_copy(const cinch_recipe *recipe, cinch_error *error)
{
    cinch_recipe *copy = cn_new(1, sizeof *copy, error);
    if (!copy)
        return NULL;
    memcpy(copy->values, recipe->values, sizeof copy->values);
    memcpy(copy->origins, recipe->origins, sizeof copy->origins);
    cinch_status status = set_copy(&copy->source, recipe->source, error);
    if (status == CINCH_OK)
        status = set_copy(&copy->folder, recipe->folder, error);
    if (status == CINCH_OK)
        status = set_copy(&copy->data_folder, recipe->data_folder, error);
    for (cn_key key = 0; key < CN_NKEY && status == CINCH_OK; key++)
        status = set_copy(&copy->texts[key], recipe->texts[key], error);
    if (status == CINCH_OK)
        return copy;
    cinch_recipe_free(copy);
    return NULL;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

typedef struct reading {
    cinch_recipe *recipe;
    bool seen[CN_NKEY];
} reading;

/* All that is wrong in a recipe file is bad input, but for what the machine lacks. */
static cinch_status read_entry(void *user, const char *section, const char *name, const char *value,
                               cinch_error *error)
{
    reading *state = user;
    cn_key key = find_key(name);
    if (key == CN_NKEY)
        return fail_key(name, CINCH_BAD_INPUT, error);
    const cn_recipe_key *row = &cn_recipe_keys[key];
    if (section[0] == '\0')
        return cn_fail(error, CINCH_BAD_INPUT, "%s stands before any section; it belongs in [%s]",
                       row->option.name, row->section);
    if (strcmp(section, row->section) != 0)
        return cn_fail(error, CINCH_BAD_INPUT, "%s belongs in [%s], not in [%.80s]", row->option.name,
                       row->section, section);
    if (state->seen[key])
        return cn_fail(error, CINCH_BAD_INPUT, "%s is set a second time", row->option.name);
    state->seen[key] = true;
    cinch_error local = {0};
    cinch_status status = set_key(state->recipe, key, value, FROM_FILE, &local);
    if (status == CINCH_OK)
        return CINCH_OK;
    return cn_fail(error, status == CINCH_USAGE ? CINCH_BAD_INPUT : status, "%s", local.message);
}

cinch_recipe *cn_recipe_parse(const char *source, const char *chars, size_t length, const char *folder,
                              cinch_error *error)
{
    reading state = {.recipe = cinch_recipe_new(error)};
    if (!state.recipe)
        return NULL;
    cinch_status status = set_copy(&state.recipe->source, source, error);
    if (status == CINCH_OK)
        status = set_copy(&state.recipe->folder, folder, error);
    if (status == CINCH_OK)
        status = cn_ini_parse(source, chars, length, read_entry, &state, error);
    if (status == CINCH_OK)
        return state.recipe;
    cinch_recipe_free(state.recipe);
    return NULL;
}

cinch_recipe *cinch_recipe_load(const char *path, cinch_error *error)
{
    cn_bytes bytes;
    if (cn_file_read(path, MOST_BYTES, &bytes, error) != CINCH_OK)
        return NULL;
    bool piped = strcmp(path, "-") == 0;
    char *folder = cn_path_folder(path, error);
    cinch_recipe *recipe = folder ? cn_recipe_parse(piped ? "standard input" : path, (const char *)bytes.data,
                                                    bytes.nbytes, folder, error)
                                  : NULL;
    cn_free(folder);
    cn_bytes_clear(&bytes);
    return recipe;
}

/* ---- Paths --------------------------------------------------------------------------------------------- */

/* $CINCH_DATA, else $XDG_DATA_HOME/cinch, which is ~/.local/share/cinch where it is not set (XDG base
 * directories). False where memory ends; *folder NULL where the environment names none. */
static bool find_data_folder(const cinch_recipe *recipe, char **folder, cinch_error *error)
{
    const char *named = recipe && recipe->data_folder ? recipe->data_folder : getenv("CINCH_DATA");
    const char *shared = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    *folder = NULL;
    if (named && named[0])
        *folder = cn_copy_text(named, error);
    else if (shared && shared[0] == '/')
        *folder = cn_path_join(shared, "cinch", error);
    else if (home && home[0] == '/')
        *folder = cn_path_join(home, ".local/share/cinch", error);
    else
        return true;
    return *folder != NULL;
}

char *cn_recipe_data_path(const cinch_recipe *recipe, const char *name, cinch_error *error)
{
    char *folder;
    if (!find_data_folder(recipe, &folder, error) || !folder)
        return NULL;
    char *path = cn_path_join(folder, name, error);
    cn_free(folder);
    return path;
}

/* Words that stand for data rather than for a file. */
static bool is_word(const char *text)
{
    return text[0] == '\0' || strcmp(text, "-") == 0 || strcmp(text, "donut") == 0;
}

cinch_status cn_recipe_find_donut(const cinch_recipe *recipe, char **path, cinch_error *error)
{
    static const char file[] = "donut/donut_corr2.npy";
    const char *folder = recipe && recipe->folder && strcmp(recipe->folder, ".") ? recipe->folder : NULL;
    cinch_error local = {0};
    *path = cn_path_join(folder, file, &local);
    for (size_t place = 0; *path && !cn_file_exists(*path); place++) {
        cn_free(*path);
        *path = place == 0 ? cn_recipe_data_path(recipe, file, &local) : NULL;
    }
    return local.status ? cn_fail(error, local.status, "%s", local.message) : CINCH_OK;
}

/* The places of a relative path: beside the recipe or, for a flag, in the current folder; then the data
 * folder. A NULL place is none. False where memory ends. */
typedef struct places {
    char *first, *second;
} places;

static void clear_places(places *tried)
{
    cn_free(tried->first);
    cn_free(tried->second);
}

static bool find_places(const cinch_recipe *recipe, cn_key key, places *tried, cinch_error *error)
{
    const char *text = cn_recipe_text(recipe, key);
    const char *folder = recipe->folder && strcmp(recipe->folder, ".") == 0 ? "" : recipe->folder;
    bool flag = recipe->origins[key] == FROM_FLAG;
    cinch_error local = {0};
    *tried = (places){NULL, NULL};
    if (flag || folder || text[0] == '/')
        tried->first = cn_path_join(flag ? NULL : folder, text, &local);
    if (text[0] != '/' && local.status == CINCH_OK)
        tried->second = cn_recipe_data_path(recipe, text, &local);
    if (local.status == CINCH_OK)
        return true;
    clear_places(tried);
    cn_fail(error, local.status, "%s", local.message);
    return false;
}

static void fail_places(const cinch_recipe *recipe, cn_key key, const places *tried, cinch_error *error)
{
    const char *name = cn_recipe_keys[key].option.name, *text = cn_recipe_text(recipe, key);
    const char *remedy = "put it there, or name the data folder with --data-dir or CINCH_DATA";
    if (text[0] == '/')
        cn_fail(error, CINCH_IO, "%s = %s: there is no such file", name, text);
    else if (tried->first && tried->second)
        cn_fail(error, CINCH_IO, "%s = %s: there is neither %s nor %s; %s", name, text, tried->first,
                tried->second, remedy);
    else
        cn_fail(error, CINCH_IO, "%s = %s: there is no %s; %s", name, text,
                tried->first    ? tried->first
                : tried->second ? tried->second
                                : text,
                remedy);
}

char *cn_recipe_path(const cinch_recipe *recipe, cn_key key, cinch_error *error)
{
    places tried;
    const char *text = cn_recipe_text(recipe, key);
    char *donut = NULL;
    if (strcmp(text, "donut") == 0 && cn_recipe_find_donut(recipe, &donut, error))
        return NULL;
    if (is_word(text))
        return donut ? donut : cn_copy_text(text, error);
    if (!find_places(recipe, key, &tried, error))
        return NULL;
    char *found = NULL;
    if (tried.first && cn_file_exists(tried.first)) {
        found = tried.first;
        tried.first = NULL;
    } else if (tried.second && cn_file_exists(tried.second)) {
        found = tried.second;
        tried.second = NULL;
    } else {
        fail_places(recipe, key, &tried, error);
    }
    clear_places(&tried);
    return found;
}

static bool ends_as_file(const char *text)
{
    static const char *const endings[] = {".npy", ".npz", ".csv", ".tsv", ".txt",
                                          ".idx", ".gz",  ".png", "ubyte"};
    size_t length = strlen(text);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(text + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

/* A name that ends as data files do is a file, there or not; any other where such a regular file is. */
bool cn_recipe_label_is_file(const cinch_recipe *recipe)
{
    const char *text = cn_recipe_text(recipe, CN_LABEL);
    places tried;
    if (is_word(text))
        return false;
    if (ends_as_file(text))
        return true;
    if (!find_places(recipe, CN_LABEL, &tried, NULL))
        return false;
    bool file = (tried.first && cn_file_is_regular(tried.first)) ||
                (tried.second && cn_file_is_regular(tried.second));
    clear_places(&tried);
    return file;
}

/* ---- Printing ------------------------------------------------------------------------------------------ */

/* A path key's text made good for any folder: absolute where the file is found, else as it was set. NULL on
 * failure. */
static char *lasting_text(const cinch_recipe *recipe, cn_key key, cinch_error *error)
{
    const char *text = cn_recipe_text(recipe, key);
    bool path = cn_recipe_keys[key].path && text[0] && strcmp(text, "-") != 0 &&
                (key != CN_LABEL || cn_recipe_label_is_file(recipe));
    if (!path)
        return cn_copy_text(text, error);
    cinch_error local = {0};
    char *found = cn_recipe_path(recipe, key, &local);
    if (!found && local.status != CINCH_IO) {
        cn_fail(error, local.status, "%s", local.message);
        return NULL;
    }
    bool word = found && is_word(found); /* rows that are made are at home everywhere */
    char *lasting = found && !word ? cn_path_absolute(found, error) : cn_copy_text(text, error);
    cn_free(found);
    return lasting;
}

static bool is_kept_in_model(const cinch_recipe *recipe, cn_key key)
{
    const cn_recipe_key *row = &cn_recipe_keys[key];
    return row->in_model && strcmp(cn_recipe_text(recipe, key), row->option.standard) != 0 &&
           (key != CN_LABEL || !cn_recipe_label_is_file(recipe));
}

static bool print_key(const cinch_recipe *recipe, cn_key key, cn_text *text, cinch_error *error)
{
    char *value = lasting_text(recipe, key, error);
    if (!value)
        return false;
    cn_text_add(text, "%s =%s%s\n", cn_recipe_keys[key].option.name, value[0] ? " " : "", value);
    cn_free(value);
    return true;
}

char *cn_recipe_print(const cinch_recipe *recipe, bool for_model, cinch_error *error)
{
    cn_text text = {0};
    const char *section = NULL;
    for (cn_key key = 0; key < CN_NKEY; key++) {
        if (for_model && !is_kept_in_model(recipe, key))
            continue;
        if (!section || strcmp(section, cn_recipe_keys[key].section)) {
            cn_text_add(&text, "%s[%s]\n", section ? "\n" : "", cn_recipe_keys[key].section);
            section = cn_recipe_keys[key].section;
        }
        if (!print_key(recipe, key, &text, error)) {
            cn_text_clear(&text);
            return NULL;
        }
    }
    return cn_text_take(&text, error);
}

void cn_recipe_help(cn_text *text)
{
    for (size_t i = 0; i < NSECTION; i++) {
        cn_text_add(text, "%s[%s]\n", i > 0 ? "\n" : "", sections[i]);
        for (cn_key key = 0; key < CN_NKEY; key++)
            if (strcmp(cn_recipe_keys[key].section, sections[i]) == 0)
                cn_option_help(&cn_recipe_keys[key].option, text);
    }
}

/* ---- The table ----------------------------------------------------------------------------------------- */

static const char *const scale_words[] = {"auto", "none", "unit", "minmax", "standard", NULL};
static const char *const missing_words[] = {"refuse", "mean", NULL};
static const char *const pretrain_words[] = {"none", "greedy", NULL};
static const char *const keep_words[] = {"auto", "best", "last", NULL};

/* clang-format off */
#define TEXT(key, word, what) {.name = key, .type = CN_TEXT, .standard = word, .summary = what}
#define WORD(key, list, word, what) \
    {.name = key, .type = CN_WORD, .words = list, .standard = word, .summary = what}
#define FLAG(key, word, what) {.name = key, .type = CN_FLAG, .standard = word, .summary = what}
#define COUNT(key, low, high, word, what) \
    {.name = key, .type = CN_COUNT, .minimum = low, .maximum = high, .standard = word, .summary = what}
#define SHARE(key, word, what) \
    {.name = key, .type = CN_NUMBER, .maximum = 1, .open_maximum = true, .standard = word, .summary = what}

enum { FILE_NAME = true, NO_FILE = false, IN_MODEL = true, NOT_IN_MODEL = false };

const cn_recipe_key cn_recipe_keys[CN_NKEY] = {
    [CN_TRAIN] = {"data", TEXT("train", "",
        "rows to learn from: a file, a folder of PNG files, or the word donut"), FILE_NAME, NOT_IN_MODEL},
    [CN_TEST] = {"data", TEXT("test", "",
        "rows for the test loss, in the same way"), FILE_NAME, NOT_IN_MODEL},
    [CN_COLUMNS] = {"data", TEXT("columns", "",
        "columns to take: names (in quotes where they have a comma), indices, ranges 0-3"), NO_FILE,
        IN_MODEL},
    [CN_LABEL] = {"data", TEXT("label", "",
        "each row's class: a column or a file"), FILE_NAME, IN_MODEL},
    [CN_ARRAY] = {"data", TEXT("array", "",
        "member of an npz file"), NO_FILE, IN_MODEL},
    [CN_SCALE_KEY] = {"data", WORD("scale", scale_words, "auto",
        "how values are scaled; auto: unit for images and 8- and 16-bit integers, else standard"), NO_FILE,
        IN_MODEL},
    [CN_VALIDATION] = {"data", SHARE("validation", "0",
        "share of the rows, from the end, kept out to validate"), NO_FILE, IN_MODEL},
    [CN_LIMIT] = {"data", COUNT("limit", 0, INFINITY, "0",
        "train on the first N rows only; 0: all"), NO_FILE, IN_MODEL},
    [CN_MISSING] = {"data", WORD("missing", missing_words, "refuse",
        "what becomes of a cell that is empty, NA, NaN, null or ?"), NO_FILE, IN_MODEL},

    [CN_INPUT] = {"model", TEXT("input", "",
        "a row's shape, as 28x28x1; empty: the data's"), NO_FILE, IN_MODEL},
    [CN_ENCODER] = {"model", TEXT("encoder", "",
        "layers from row to code, joined by |; see cinch help layers"), NO_FILE, IN_MODEL},
    [CN_DECODER] = {"model", TEXT("decoder", "mirror",
        "layers from code to row in the same way, or one of cinch help decoders"), NO_FILE, IN_MODEL},
    [CN_INIT] = {"model", TEXT("init", "glorot_uniform",
        "first weights; see cinch help initializers"), NO_FILE, IN_MODEL},
    [CN_INIT_FROM] = {"model", TEXT("init_from", "",
        "first weights from a safetensors file with every parameter"), FILE_NAME, NOT_IN_MODEL},
    [CN_PRETRAIN] = {"model", WORD("pretrain", pretrain_words, "none",
        "training before the training; greedy: each encoder layer and its mirror by themselves"), NO_FILE,
        IN_MODEL},

    [CN_LOSS] = {"train", TEXT("loss", "mse",
        "what is made small; see cinch help losses"), NO_FILE, IN_MODEL},
    [CN_PENALTY] = {"train", TEXT("penalty", "none",
        "what is added to it, joined by |; see cinch help penalties"), NO_FILE, IN_MODEL},
    [CN_OPTIMIZER] = {"train", TEXT("optimizer", "adam",
        "how weights move; see cinch help optimizers"), NO_FILE, IN_MODEL},
    [CN_BATCH] = {"train", COUNT("batch", 1, INFINITY, "32",
        "rows in a step"), NO_FILE, IN_MODEL},
    [CN_EPOCHS] = {"train", COUNT("epochs", 1, 100000, "10",
        "times that all rows are gone through"), NO_FILE, IN_MODEL},
    [CN_SHUFFLE] = {"train", FLAG("shuffle", "true",
        "rows in a new order each epoch"), NO_FILE, IN_MODEL},
    [CN_SEED] = {"train", COUNT("seed", 0, 9007199254740991.0, "1",
        "of all random numbers: equal seeds give equal bits"), NO_FILE, IN_MODEL},
    [CN_THREADS] = {"train", COUNT("threads", 0, 1024, "0",
        "threads at work; 0: all of the machine's"), NO_FILE, NOT_IN_MODEL},
    [CN_PATIENCE] = {"train", COUNT("patience", 0, INFINITY, "0",
        "epochs without a better validation loss that end the run; 0: off"), NO_FILE, IN_MODEL},
    [CN_KEEP] = {"train", WORD("keep", keep_words, "auto",
        "which epoch's weights are saved; auto: best with validation, else last"), NO_FILE, IN_MODEL},
    [CN_CHECKPOINT] = {"train", TEXT("checkpoint", "auto",
        "auto: at an epoch's end after 30 s; N: every N epochs"), NO_FILE, NOT_IN_MODEL},
    [CN_LOG_EVERY] = {"train", COUNT("log_every", 1, INFINITY, "1",
        "epochs from one printed line to the next"), NO_FILE, NOT_IN_MODEL},

    [CN_FIGURES] = {"report", TEXT("figures", "none",
        "pictures to draw; see cinch help figures"), NO_FILE, NOT_IN_MODEL},
};
/* clang-format on */
