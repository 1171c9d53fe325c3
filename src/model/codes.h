/* Codes to decode, for those who see more than cinch.h, which has the rest. */
#ifndef CN_MODEL_CODES_H
#define CN_MODEL_CODES_H

#include "base/error.h"

/* CINCH_USAGE and an error unless the model's code is drawn (cinch_model_generates). */
cinch_status cn_codes_check(const cinch_model *model, cinch_error *error);

/* The number that standard normal ones are below with probability p, 0 < p < 1. */
double cn_normal_quantile(double p);

#endif
