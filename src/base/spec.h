/* The one notation (spec = NAME [VALUE]... [KEY=VALUE]..., pipeline = spec [| spec]...): its option
 * tables, parser and printer. Layers, penalties, optimizers, initializers, figures and the recipe's keys
 * all go through here. */
#ifndef CN_BASE_SPEC_H
#define CN_BASE_SPEC_H

#include "base/error.h"
#include "base/text.h"

enum { CN_MAX_OPTIONS = 12, CN_MAX_REPEATS = 64 };

typedef enum cn_option_type {
    CN_NUMBER, /* a double */
    CN_COUNT,  /* a whole number */
    CN_FLAG,   /* true, false */
    CN_WORD,   /* one of `words` */
    CN_SIZE,   /* "3x3": height and width */
    CN_TEXT    /* anything */
} cn_option_type;

typedef struct cn_option {
    const char *name; /* NULL ends a table */
    cn_option_type type;
    bool value_argument;     /* given by place, without its name; all of these come first in a table */
    bool repeats;            /* the last value argument may be given several times (tied ACT...) */
    const char *standard;    /* default as text; NULL: must be given */
    double minimum, maximum; /* of a number, count or side, both included; both 0: any finite value; an
                                    * infinite end, or a maximum below the minimum, is no end */
    bool open_minimum, open_maximum; /* leave the end itself out: 0, 0 and open_minimum is "above 0" */
    const char *const *words;        /* of a CN_WORD, NULL-terminated */
    const char *summary;             /* what it does, for help: a few words */
} cn_option;

/* The head of every kind's table: what has a name and options. */
typedef struct cn_part {
    const char *name;
    const char *summary;      /* one line, no full stop */
    const char *equation;     /* y = max(z, 0); NULL where there is none */
    const char *example;      /* a spec that works as it is: help shows it, tests run over it; NULL: the name
                                    * alone */
    const cn_option *options; /* NULL: none */
} cn_part;

typedef union cn_value {
    double number;
    size_t count;
    bool flag;
    size_t word; /* index in words */
    struct {
        size_t height, width;
    } size;
    const char *text; /* owned by the spec */
} cn_value;

/* A part with its values, in the order of its options. */
typedef struct cn_spec {
    const cn_part *part;
    cn_value values[CN_MAX_OPTIONS];
    size_t nrepeat; /* how many times the repeating value argument was given; 1 for its default */
    size_t repeats[CN_MAX_REPEATS]; /* its words' indices (only CN_WORD options repeat) */
    char *storage;                  /* of CN_TEXT values, NULL without them; cn_spec_clear */
} cn_spec;

/* Whether two names or keys are the same, - and _ alike. */
bool cn_key_equal(const char *a, const char *b);

/* Reads one spec. `kind` ("layer") names the group in errors: unknown layer "dens"; the nearest is
 * "dense". */
cinch_status cn_spec_parse(const char *text, const char *kind, const cn_part *const *parts, cn_spec *spec,
                           cinch_error *error);
/* The text that reads back to the same spec, defaults left out. */
void cn_spec_print(const cn_spec *spec, cn_text *text);
void cn_spec_clear(cn_spec *spec);

/* A pipeline's specs; "none" or "" is the empty one. The caller ends it with cn_pipeline_clear. */
typedef struct cn_pipeline {
    cn_spec *specs;
    size_t count;
} cn_pipeline;

cinch_status cn_pipeline_parse(const char *text, const char *kind, const cn_part *const *parts, size_t limit,
                               cn_pipeline *pipeline, cinch_error *error);
void cn_pipeline_print(const cn_pipeline *pipeline, cn_text *text);
void cn_pipeline_clear(cn_pipeline *pipeline);

/* One value against one option: what the recipe's keys and the specs share. A CN_TEXT value borrows
 * `text`. */
cinch_status cn_value_parse(const cn_option *option, const char *text, cn_value *value, cinch_error *error);
void cn_value_print(const cn_option *option, cn_value value, cn_text *text);

/* The help of one group, every name with options, ranges, defaults and equation. */
void cn_parts_help(const char *kind, const cn_part *const *parts, cn_text *text);
/* One option's line of help: name, type and range, default, summary; the recipe's keys use it too. */
void cn_option_help(const cn_option *option, cn_text *text);

#endif
