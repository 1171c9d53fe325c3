/* The words of the table of activations. */
#include "math/activations.h"

#define NAME(constant, name, ...)                        #name,
#define HELP(constant, name, needs_input, equation, ...) {#name, equation},
#define NEEDS_INPUT(constant, name, needs_input, ...)    needs_input,

static const bool needs_input[] = {CN_ACTIVATIONS(NEEDS_INPUT)};

bool cn_activation_needs_input(cn_activation activation)
{
    return needs_input[activation];
}

const char *const cn_activation_names[] = {CN_ACTIVATIONS(NAME) NULL};

const cn_activation_help cn_activation_helps[] = {CN_ACTIVATIONS(HELP){NULL, NULL}};
