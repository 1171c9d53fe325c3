#include "base/spec.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { NEAREST_NAMES = 256 };

static const double largest_count = 9007199254740991.0; /* 2^53 - 1: what is above may be a rounded one */

/* ---- Names and keys ------------------------------------------------------------------------------------ */

static char folded(char c)
{
    return c == '-' ? '_' : c;
}

bool cn_key_equal(const char *a, const char *b)
{
    while (*a && folded(*a) == folded(*b)) {
        a++;
        b++;
    }
    return folded(*a) == folded(*b);
}

/* `parts` is a NULL-terminated array of pointers to tables that begin with a cn_part. */
static const cn_part *find_part(const cn_part *const *parts, const char *name)
{
    for (; *parts; parts++)
        if (cn_key_equal((*parts)->name, name))
            return *parts;
    return NULL;
}

static size_t count_options(const cn_option *options)
{
    size_t count = 0;
    while (options && count < CN_MAX_OPTIONS && options[count].name)
        count++;
    return count;
}

/* loss: losses, penalty: penalties, layer: layers. */
static void add_plural(cn_text *text, const char *kind)
{
    size_t length = strlen(kind);
    bool y = length > 1 && kind[length - 1] == 'y', s = length > 1 && kind[length - 1] == 's';
    cn_text_add(text, "%.*s%s", (int)(y ? length - 1 : length), kind, y ? "ies" : s ? "es" : "s");
}

static cinch_status fail_part(const char *kind, const char *name, const cn_part *const *parts,
                              cinch_error *error)
{
    const char *names[NEAREST_NAMES + 1] = {NULL};
    for (size_t i = 0; i < NEAREST_NAMES && parts[i]; i++)
        names[i] = parts[i]->name;
    const char *nearest = cn_text_nearest(name, names);
    cn_text line = {0};
    cn_text_add(&line, "unknown %s \"%.80s\"", kind, name);
    if (nearest)
        cn_text_add(&line, "; the nearest is \"%s\"", nearest);
    cn_text_add(&line, " (see cinch help ");
    add_plural(&line, kind);
    cn_text_add(&line, ")");
    cinch_status status = line.failed ? cn_fail(error, CINCH_MEMORY, "out of memory")
                                      : cn_fail(error, CINCH_USAGE, "%s", line.chars);
    cn_text_clear(&line);
    return status;
}

static cinch_status fail_option(const cn_option *options, const char *key, cinch_error *error)
{
    const char *names[CN_MAX_OPTIONS + 1] = {NULL};
    for (size_t i = 0; i < count_options(options); i++)
        names[i] = options[i].name;
    const char *nearest = cn_text_nearest(key, names);
    if (nearest)
        return cn_fail(error, CINCH_USAGE, "unknown option \"%.80s\"; the nearest is \"%s\"", key, nearest);
    return cn_fail(error, CINCH_USAGE, "unknown option \"%.80s\"", key);
}

/* ---- One value ----------------------------------------------------------------------------------------- */

/* A table leaves both ends 0 where anything goes; a maximum below the minimum is none. */
static bool has_minimum(const cn_option *option)
{
    bool any = option->minimum == 0 && option->maximum == 0 && !option->open_minimum && !option->open_maximum;
    return !any && isfinite(option->minimum);
}

static bool has_maximum(const cn_option *option)
{
    bool any = option->minimum == 0 && option->maximum == 0 && !option->open_maximum;
    return !any && isfinite(option->maximum) && option->maximum >= option->minimum;
}

/* A count is never below 0 nor above 2^53, whatever its table says. */
static cinch_status check_range(const cn_option *option, double number, const char *text, cinch_error *error)
{
    bool count = option->type == CN_COUNT || option->type == CN_SIZE;
    double low = has_minimum(option) ? option->minimum : count ? 0 : -INFINITY;
    double high = has_maximum(option) ? option->maximum : count ? largest_count : INFINITY;
    char chars[CN_NUMBER_ROOM];
    if (number < low || (option->open_minimum && number <= low)) {
        cn_number_print(low, chars);
        return cn_fail(error, CINCH_USAGE, "%s = %.80s is %s %s", option->name, text,
                       option->open_minimum ? "not above" : "below", chars);
    }
    if (number > high || (option->open_maximum && number >= high)) {
        cn_number_print(high, chars);
        return cn_fail(error, CINCH_USAGE, "%s = %.80s is %s %s", option->name, text,
                       option->open_maximum ? "not below" : "above", chars);
    }
    return CINCH_OK;
}

static cinch_status parse_number(const cn_option *option, const char *text, cn_value *value,
                                 cinch_error *error)
{
    double number;
    if (!cn_text_number(text, &number))
        return cn_fail(error, CINCH_USAGE, "%s = \"%.80s\" is not a number", option->name, text);
    bool count = option->type == CN_COUNT;
    if (count && number != floor(number))
        return cn_fail(error, CINCH_USAGE, "%s = %.80s is not a whole number", option->name, text);
    cinch_status status = check_range(option, number, text, error);
    if (status != CINCH_OK)
        return status;
    if (count)
        value->count = (size_t)number;
    else
        value->number = number + 0.0; /* no negative zero */
    return CINCH_OK;
}

static cinch_status parse_flag(const cn_option *option, const char *text, cn_value *value, cinch_error *error)
{
    value->flag = strcmp(text, "true") == 0;
    if (value->flag || strcmp(text, "false") == 0)
        return CINCH_OK;
    return cn_fail(error, CINCH_USAGE, "%s = \"%.80s\" is neither true nor false", option->name, text);
}

static cinch_status parse_word(const cn_option *option, const char *text, cn_value *value, cinch_error *error)
{
    for (size_t i = 0; option->words[i]; i++) {
        if (cn_key_equal(option->words[i], text)) {
            value->word = i;
            return CINCH_OK;
        }
    }
    const char *nearest = cn_text_nearest(text, option->words);
    if (nearest)
        return cn_fail(error, CINCH_USAGE, "unknown %s \"%.80s\"; the nearest is \"%s\"", option->name, text,
                       nearest);
    cn_text words = {0};
    for (size_t i = 0; option->words[i]; i++)
        cn_text_add(&words, "%s%s", i > 0 ? ", " : "", option->words[i]);
    cinch_status status = words.failed ? cn_fail(error, CINCH_MEMORY, "out of memory")
                                       : cn_fail(error, CINCH_USAGE, "unknown %s \"%.80s\"; known: %s",
                                                 option->name, text, words.chars ? words.chars : "");
    cn_text_clear(&words);
    return status;
}

/* Digits of one side, at most 9 of them, from 1. */
static bool read_side(const char **at, size_t *side)
{
    size_t count = strspn(*at, "0123456789");
    *side = 0;
    for (size_t i = 0; i < count && i < 9; i++)
        *side = *side * 10 + (size_t)((*at)[i] - '0');
    *at += count;
    return count > 0 && count <= 9 && *side > 0;
}

static cinch_status parse_size(const cn_option *option, const char *text, cn_value *value, cinch_error *error)
{
    const char *at = text;
    size_t height, width;
    if (!read_side(&at, &height) || *at++ != 'x' || !read_side(&at, &width) || *at)
        return cn_fail(error, CINCH_USAGE, "%s = \"%.80s\" is not a height and width such as 3x3",
                       option->name, text);
    value->size.height = height;
    value->size.width = width;
    cinch_status status = check_range(option, (double)height, text, error);
    return status == CINCH_OK ? check_range(option, (double)width, text, error) : status;
}

cinch_status cn_value_parse(const cn_option *option, const char *text, cn_value *value, cinch_error *error)
{
    memset(value, 0, sizeof *value);
    switch (option->type) {
    case CN_NUMBER:
    case CN_COUNT:
        return parse_number(option, text, value, error);
    case CN_FLAG:
        return parse_flag(option, text, value, error);
    case CN_WORD:
        return parse_word(option, text, value, error);
    case CN_SIZE:
        return parse_size(option, text, value, error);
    case CN_TEXT:
        value->text = text;
        return CINCH_OK;
    }
    return cn_fail(error, CINCH_FAILED, "%s: an option of no type", option->name);
}

void cn_value_print(const cn_option *option, cn_value value, cn_text *text)
{
    switch (option->type) {
    case CN_NUMBER:
        cn_text_add_number(text, value.number);
        break;
    case CN_COUNT:
        cn_text_add(text, "%zu", value.count);
        break;
    case CN_FLAG:
        cn_text_add(text, "%s", value.flag ? "true" : "false");
        break;
    case CN_WORD:
        cn_text_add(text, "%s", option->words[value.word]);
        break;
    case CN_SIZE:
        cn_text_add(text, "%zux%zu", value.size.height, value.size.width);
        break;
    case CN_TEXT:
        cn_text_add(text, "%s", value.text);
        break;
    }
}

static bool is_standard(const cn_option *option, cn_value value)
{
    cn_value standard;
    if (!option->standard || cn_value_parse(option, option->standard, &standard, NULL) != CINCH_OK)
        return false;
    switch (option->type) {
    case CN_NUMBER:
        return value.number == standard.number;
    case CN_COUNT:
        return value.count == standard.count;
    case CN_FLAG:
        return value.flag == standard.flag;
    case CN_WORD:
        return value.word == standard.word;
    case CN_SIZE:
        return value.size.height == standard.size.height && value.size.width == standard.size.width;
    case CN_TEXT:
        return strcmp(value.text, standard.text) == 0;
    }
    return false;
}

/* ---- One spec ------------------------------------------------------------------------------------------ */

/* What a spec's words have filled so far. */
typedef struct filling {
    cn_spec *spec;
    const cn_option *options;
    size_t noption, place; /* the value argument whose turn it is */
    bool named;            /* a KEY=VALUE was read: values may follow no more */
    bool given[CN_MAX_OPTIONS];
} filling;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word, ended in place; NULL at the end. */
static char *next_word(char **rest)
{
    char *word = *rest;
    while (is_blank(*word))
        word++;
    if (!*word)
        return NULL;
    char *end = word;
    while (*end && !is_blank(*end))
        end++;
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* dense N [ACT]; conv C HxW [ACT] [stride=1]. */
static void add_usage(cn_text *text, const cn_part *part)
{
    cn_text_add(text, "%s", part->name);
    for (size_t i = 0; i < count_options(part->options); i++) {
        const cn_option *option = &part->options[i];
        const char *open = option->standard ? "[" : "", *close = option->standard ? "]" : "";
        if (option->value_argument)
            cn_text_add(text, " %s%s%s%s", open, option->name, option->repeats ? "..." : "", close);
        else
            cn_text_add(text, " %s%s=%s%s", open, option->name, option->standard ? option->standard : "VALUE",
                        close);
    }
}

static cinch_status fail_usage(const cn_part *part, const char *what, const char *text, cinch_error *error)
{
    cn_text usage = {0};
    add_usage(&usage, part);
    cinch_status status = usage.failed ? cn_fail(error, CINCH_MEMORY, "out of memory")
                                       : cn_fail(error, CINCH_USAGE, what, text, usage.chars);
    cn_text_clear(&usage);
    return status;
}

static cinch_status fill(filling *state, size_t index, const char *text, cinch_error *error)
{
    const cn_option *option = &state->options[index];
    cn_spec *spec = state->spec;
    cn_value value;
    if (state->given[index] && !option->repeats)
        return cn_fail(error, CINCH_USAGE, "%s is given twice", option->name);
    cinch_status status = cn_value_parse(option, text, &value, error);
    if (status != CINCH_OK)
        return status;
    if (option->repeats) {
        if (spec->nrepeat == CN_MAX_REPEATS)
            return cn_fail(error, CINCH_USAGE, "%s is given more than %d times", option->name,
                           CN_MAX_REPEATS);
        spec->repeats[spec->nrepeat++] = value.word;
    }
    if (!state->given[index])
        spec->values[index] = value;
    state->given[index] = true;
    return CINCH_OK;
}

static cinch_status fill_named(filling *state, char *word, char *equals, cinch_error *error)
{
    *equals = '\0';
    state->named = true;
    for (size_t i = 0; i < state->noption; i++)
        if (cn_key_equal(state->options[i].name, word))
            return fill(state, i, equals + 1, error);
    return fail_option(state->options, word, error);
}

static cinch_status fill_placed(filling *state, const char *word, cinch_error *error)
{
    if (state->named)
        return cn_fail(error, CINCH_USAGE, "the value \"%.80s\" stands after a key=value; values come first",
                       word);
    size_t index = state->place;
    if (index == state->noption || !state->options[index].value_argument)
        return fail_usage(state->spec->part, "\"%.80s\" is one value too many; the form is: %s", word, error);
    if (!state->options[index].repeats)
        state->place++;
    return fill(state, index, word, error);
}

static cinch_status fill_rest(filling *state, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (size_t i = 0; i < state->noption && status == CINCH_OK; i++) {
        if (state->given[i])
            continue;
        if (!state->options[i].standard)
            return fail_usage(state->spec->part, "%s is missing; the form is: %s", state->options[i].name,
                              error);
        status = fill(state, i, state->options[i].standard, error);
    }
    return status;
}

static cinch_status fill_all(filling *state, char *rest, cinch_error *error)
{
    cinch_status status = CINCH_OK;
    for (char *word; status == CINCH_OK && (word = next_word(&rest));) {
        char *equals = strchr(word, '=');
        status = equals ? fill_named(state, word, equals, error) : fill_placed(state, word, error);
    }
    return status == CINCH_OK ? fill_rest(state, error) : status;
}

static bool has_text(const cn_option *options, size_t noption)
{
    for (size_t i = 0; i < noption; i++)
        if (options[i].type == CN_TEXT)
            return true;
    return false;
}

/* Cuts up `words`, which is the spec's from here on; kept only where a value points into it. */
static cinch_status parse_words(char *words, const char *kind, const cn_part *const *parts, cn_spec *spec,
                                cinch_error *error)
{
    spec->storage = words;
    char *name = next_word(&words);
    if (!name)
        return cn_fail(error, CINCH_USAGE, "no %s is named", kind);
    spec->part = find_part(parts, name);
    if (!spec->part)
        return fail_part(kind, name, parts, error);
    cinch_error local = {0};
    filling state = {
        .spec = spec, .options = spec->part->options, .noption = count_options(spec->part->options)};
    cinch_status status = fill_all(&state, words, &local);
    if (status != CINCH_OK)
        return cn_fail(error, status, "%s: %s", spec->part->name, local.message);
    if (!has_text(state.options, state.noption)) {
        cn_free(spec->storage);
        spec->storage = NULL;
    }
    return CINCH_OK;
}

/* What a list in a sentence looks like is no list here: "dense 2, dense 3". */
static cinch_status refuse_sentence(const char *words, cinch_error *error)
{
    for (const char *comma = strchr(words, ','); comma; comma = strchr(comma + 1, ','))
        if (is_blank(comma[1]))
            return cn_fail(error, CINCH_USAGE,
                           "\"%.80s\": no comma before a blank: words stand apart by blanks, layers by |",
                           words);
    return CINCH_OK;
}

static cinch_status parse_bytes(const char *text, size_t length, const char *kind,
                                const cn_part *const *parts, cn_spec *spec, cinch_error *error)
{
    *spec = (cn_spec){0};
    char *words = cn_new(length + 1, 1, error);
    if (!words)
        return CINCH_MEMORY;
    memcpy(words, text, length);
    cinch_status status = refuse_sentence(words, error);
    if (status != CINCH_OK) {
        cn_free(words);
        return status;
    }
    status = parse_words(words, kind, parts, spec, error);
    if (status != CINCH_OK)
        cn_spec_clear(spec);
    return status;
}

cinch_status cn_spec_parse(const char *text, const char *kind, const cn_part *const *parts, cn_spec *spec,
                           cinch_error *error)
{
    return parse_bytes(text, strlen(text), kind, parts, spec, error);
}

void cn_spec_clear(cn_spec *spec)
{
    cn_free(spec->storage);
    *spec = (cn_spec){0};
}

/* A value given by place needs all those before it. */
void cn_spec_print(const cn_spec *spec, cn_text *text)
{
    const cn_option *options = spec->part->options;
    size_t noption = count_options(options), placed = 0;
    for (size_t i = 0; i < noption && options[i].value_argument; i++)
        if (!is_standard(&options[i], spec->values[i]) || (options[i].repeats && spec->nrepeat > 1))
            placed = i + 1;
    cn_text_add(text, "%s", spec->part->name);
    for (size_t i = 0; i < noption; i++) {
        if (options[i].value_argument ? i >= placed : is_standard(&options[i], spec->values[i]))
            continue;
        cn_text_add(text, options[i].value_argument ? " " : " %s=", options[i].name);
        cn_value_print(&options[i], spec->values[i], text);
        for (size_t k = 1; options[i].repeats && k < spec->nrepeat; k++)
            cn_text_add(text, " %s", options[i].words[spec->repeats[k]]);
    }
}

/* ---- Pipelines ----------------------------------------------------------------------------------------- */

static bool is_empty_pipeline(const char *text)
{
    while (is_blank(*text))
        text++;
    if (strncmp(text, "none", 4) == 0)
        text += 4;
    while (is_blank(*text))
        text++;
    return *text == '\0';
}

static cinch_status make_room(cn_pipeline *pipeline, size_t *room, cinch_error *error)
{
    if (pipeline->count < *room)
        return CINCH_OK;
    size_t more = *room == 0 ? 4 : *room * 2;
    cn_spec *specs = cn_resize(pipeline->specs, more, sizeof *specs, error);
    if (!specs)
        return CINCH_MEMORY;
    pipeline->specs = specs;
    *room = more;
    return CINCH_OK;
}

cinch_status cn_pipeline_parse(const char *text, const char *kind, const cn_part *const *parts, size_t limit,
                               cn_pipeline *pipeline, cinch_error *error)
{
    *pipeline = (cn_pipeline){0};
    size_t room = 0;
    cinch_status status = CINCH_OK;
    for (const char *at = is_empty_pipeline(text) ? NULL : text; at && status == CINCH_OK;) {
        const char *bar = strchr(at, '|');
        size_t length = bar ? (size_t)(bar - at) : strlen(at);
        if (pipeline->count == limit)
            status = cn_fail(error, CINCH_USAGE, "more than %zu specs stand in a row of %s", limit, kind);
        else
            status = make_room(pipeline, &room, error);
        if (status == CINCH_OK)
            status = parse_bytes(at, length, kind, parts, &pipeline->specs[pipeline->count], error);
        pipeline->count += status == CINCH_OK;
        at = bar ? bar + 1 : NULL;
    }
    if (status != CINCH_OK)
        cn_pipeline_clear(pipeline);
    return status;
}

void cn_pipeline_print(const cn_pipeline *pipeline, cn_text *text)
{
    if (pipeline->count == 0)
        cn_text_add(text, "none");
    for (size_t i = 0; i < pipeline->count; i++) {
        if (i > 0)
            cn_text_add(text, " | ");
        cn_spec_print(&pipeline->specs[i], text);
    }
}

void cn_pipeline_clear(cn_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->count; i++)
        cn_spec_clear(&pipeline->specs[i]);
    cn_free(pipeline->specs);
    *pipeline = (cn_pipeline){0};
}

/* ---- Help ---------------------------------------------------------------------------------------------- */

static void add_words(const cn_option *option, cn_text *text)
{
    for (size_t i = 0; option->words[i]; i++)
        cn_text_add(text, "%s%s", i == 0 ? "" : option->words[i + 1] ? ", " : " or ", option->words[i]);
}

/* "from 0 to 1", "above 0", "at least 1, below 5". */
static void add_range(const cn_option *option, cn_text *text)
{
    bool low = has_minimum(option), high = has_maximum(option);
    bool closed = low && high && !option->open_minimum && !option->open_maximum;
    if (low) {
        cn_text_add(text, option->open_minimum ? " above " : closed ? " from " : " at least ");
        cn_text_add_number(text, option->minimum);
    }
    if (high) {
        cn_text_add(text,
                    option->open_maximum ? "%s below "
                    : closed             ? "%s to "
                                         : "%s at most ",
                    low && !closed ? "," : "");
        cn_text_add_number(text, option->maximum);
    }
}

static void add_type(const cn_option *option, cn_text *text)
{
    static const char *const types[] = {
        [CN_NUMBER] = "a number", [CN_COUNT] = "a whole number",        [CN_FLAG] = "true or false",
        [CN_WORD] = "",           [CN_SIZE] = "height x width, as 3x3", [CN_TEXT] = "",
    };
    cn_text_add(text, "%s", types[option->type]);
    if (option->type == CN_WORD)
        add_words(option, text);
    if (option->type == CN_NUMBER || option->type == CN_COUNT || option->type == CN_SIZE)
        add_range(option, text);
}

/* Of a text there is nothing to say but its default. */
void cn_option_help(const cn_option *option, cn_text *text)
{
    const char *before = " (", *standard = option->standard;
    cn_text_add(text, "  %-14s %s", option->name, option->summary ? option->summary : "");
    if (option->type != CN_TEXT) {
        cn_text_add(text, "%s", before);
        add_type(option, text);
        before = "; ";
    }
    if (!standard || standard[0]) {
        cn_text_add(text, "%s%s%s", before, standard ? "default " : "must be given",
                    standard ? standard : "");
        before = "; ";
    }
    cn_text_add(text, "%s\n", before[0] == ';' ? ")" : "");
}

static void add_line(cn_text *text, const char *what)
{
    if (what && what[0])
        cn_text_add(text, "    %s\n", what);
}

void cn_parts_help(const char *kind, const cn_part *const *parts, cn_text *text)
{
    size_t begin = text->length;
    add_plural(text, kind);
    cn_text_add(text, "\n");
    if (!text->failed)
        text->chars[begin] = (char)toupper((unsigned char)text->chars[begin]);
    for (; *parts; parts++) {
        cn_text_add(text, "\n");
        add_usage(text, *parts);
        cn_text_add(text, "\n");
        add_line(text, (*parts)->summary);
        add_line(text, (*parts)->equation);
        if ((*parts)->example)
            cn_text_add(text, "    as in: %s\n", (*parts)->example);
        for (size_t i = 0; i < count_options((*parts)->options); i++) {
            cn_text_add(text, "  ");
            cn_option_help(&(*parts)->options[i], text);
        }
    }
}
