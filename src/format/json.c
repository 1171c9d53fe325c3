/* jansson with bounds: it recurses to 2048 levels and spends a few hundred bytes on a value of two. */
#include "format/json.h"

#include <pthread.h>
#include <setjmp.h>

#include "base/memory.h"

/* What one value costs at most in jansson's structures: a pair, an object and its buckets, each an
 * allocation. */
enum { CONTAINER_COST = 480, NUMBER_COST = 176 };

/* jansson asserts where its reader's buffer cannot grow. So the first allocation that fails leaves the
 * parse by longjmp, and what the parse had allocated, which is on a list until then, is released here.
 * jansson holds no lock meanwhile. Blocks stay linked to their neighbours after a parse, so that each can
 * leave the list at any time. */
struct block {
    struct block *before, *after;
};

enum { BLOCK_HEAD = CN_ALIGNMENT }; /* keeps jansson's part aligned */

static _Thread_local struct block *parsed; /* the latest block of the parse under way */
static _Thread_local jmp_buf starved;

static void *json_allocate(size_t nbytes)
{
    struct block *block = nbytes < SIZE_MAX - BLOCK_HEAD ? cn_new(nbytes + BLOCK_HEAD, 1, NULL) : NULL;
    if (!block)
        longjmp(starved, 1);
    block->before = parsed;
    if (parsed)
        parsed->after = block;
    parsed = block;
    return (char *)block + BLOCK_HEAD;
}

static void json_release(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)(void *)((char *)memory - BLOCK_HEAD);
    if (block->after)
        block->after->before = block->before;
    if (block->before)
        block->before->after = block->after;
    if (parsed == block)
        parsed = block->before;
    cn_free(block);
}

static void release_parsed(void)
{
    while (parsed)
        json_release((char *)parsed + BLOCK_HEAD);
}

/* jansson has one allocator a process. It is ours only while we parse or release; between that it is whatever
 * the program that links us has set. */
static pthread_mutex_t borrowed = PTHREAD_MUTEX_INITIALIZER;
static json_malloc_t their_malloc;
static json_free_t their_free;

static void borrow_jansson(void)
{
    pthread_mutex_lock(&borrowed);
    json_get_alloc_funcs(&their_malloc, &their_free);
    json_set_alloc_funcs(json_allocate, json_release);
}

static void return_jansson(void)
{
    json_set_alloc_funcs(their_malloc, their_free);
    pthread_mutex_unlock(&borrowed);
}

void cn_json_free(json_t *root)
{
    if (!root)
        return;
    borrow_jansson();
    json_decref(root);
    return_jansson();
}

/* The deepest nesting and the memory that the values cost (counted by opened brackets and commas), strings
 * left out. An array's value is a number or so, an object's a pair and what it holds. */
static void measure(const char *chars, size_t length, size_t *deepest, size_t *cost)
{
    enum { MOST_DEPTH = 64 };
    size_t depth = 0;
    bool in_string = false, in_array[MOST_DEPTH] = {false};

    *deepest = *cost = 0;
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
            in_array[depth % MOST_DEPTH] = c == '[';
            *cost += CONTAINER_COST;
            if (++depth > *deepest)
                *deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (c == ',') {
            *cost += depth && in_array[(depth - 1) % MOST_DEPTH] ? NUMBER_COST : CONTAINER_COST;
        }
    }
}

cinch_status cn_json_parse(const char *chars, size_t length, size_t present, const char *source,
                           const cn_limits *limits, json_t **root, cinch_error *error)
{
    size_t depth, cost;
    json_error_t problem;

    measure(chars, length, &depth, &cost);
    if (depth > limits->json_depth)
        return cn_fail(error, CINCH_BAD_INPUT, "%s: JSON is nested %zu levels deep; at most %zu are read",
                       source, depth, limits->json_depth);
    if (cost > limits->free_bytes + present)
        return cn_fail(error, CINCH_BAD_INPUT,
                       "%s: JSON of so many values is too much for a file of %zu bytes", source, present);

    borrow_jansson();
    parsed = NULL;
    if (setjmp(starved)) {
        release_parsed();
        return_jansson();
        return cn_fail(error, CINCH_MEMORY, "%s: not enough memory for its JSON", source);
    }
    *root = json_loadb(chars, length, JSON_REJECT_DUPLICATES, &problem);
    parsed = NULL;
    return_jansson();
    if (*root)
        return CINCH_OK;
    return cn_fail(error, CINCH_BAD_INPUT, "%s: JSON, line %d, column %d: %s", source, problem.line,
                   problem.column, problem.text);
}
