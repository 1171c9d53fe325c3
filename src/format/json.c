/* jansson with bounds: it recurses to 2048 levels and spends a few hundred bytes on a value of two. */
#include "format/json.h"

#include <pthread.h>

#include "base/memory.h"

/* What one value costs at most in jansson's structures: a pair, an object and its buckets, each an allocation. */
enum { VALUE_COST = 480 };

static _Thread_local bool starved;   /* an allocation failed since the parse began: jansson does not say */

static void *json_allocate(size_t nbytes)
{
    void *memory = cn_new(nbytes, 1, NULL);
    if (memory == NULL)
        starved = true;
    return memory;
}

static void use_our_memory(void)
{
    json_set_alloc_funcs(json_allocate, cn_free);
}

/* The deepest nesting and the number of values (counted as commas and opened brackets), strings left out. */
static void measure(const char *chars, size_t length, size_t *deepest, size_t *nvalue)
{
    size_t depth = 0;
    bool in_string = false;

    *deepest = *nvalue = 0;
    for (size_t i = 0; i < length; i++) {
        char c = chars[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            *nvalue += 1;
            if (depth > *deepest)
                *deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (c == ',') {
            *nvalue += 1;
        }
    }
}

cinch_status cn_json_parse(const char *chars, size_t length, size_t present, const char *source,
                           const cn_limits *limits, json_t **root, cinch_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t depth, nvalue;
    json_error_t problem;

    measure(chars, length, &depth, &nvalue);
    if (depth > limits->json_depth)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: JSON is nested %zu levels deep; at most %zu are read", source,
                       depth, limits->json_depth);
    if (nvalue > (limits->free_bytes + present) / VALUE_COST)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: JSON of %zu values is too much for a file of %zu bytes", source,
                       nvalue, present);

    pthread_once(&once, use_our_memory);
    starved = false;
    *root = json_loadb(chars, length, JSON_REJECT_DUPLICATES, &problem);
    if (*root != NULL)
        return CINCH_OK;
    if (starved)
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory for its JSON", source);
    return cn_fail(error, CINCH_BAD_INPUT, "%s: JSON, line %d, column %d: %s", source, problem.line, problem.column,
                   problem.text);
}
