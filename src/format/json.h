/* JSON by jansson, over base/memory.h, with the limits checked before it recurses or allocates. */
#ifndef CN_FORMAT_JSON_H
#define CN_FORMAT_JSON_H

#include <jansson.h>

#include "format/format.h"

/* The value that the text holds, cn_json_free ends it. Refused: nesting deeper than the limit, more values
 * than `present` bytes and the limits allow memory for, duplicate keys, \u0000, anything after the value. */
cinch_status cn_json_parse(const char *chars, size_t length, size_t present, const char *source,
                           const cn_limits *limits, json_t **root, cinch_error *error);
void cn_json_free(json_t *root);

#endif
