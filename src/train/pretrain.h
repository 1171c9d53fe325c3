/* Greedy layer-wise pretraining (Bengio, Lamblin, Popovici, Larochelle: Greedy Layer-Wise Training of Deep
 * Networks, 2007): its stages as recipes and rows, and the way of their weights into the whole net. Who
 * runs the stages and keeps their checkpoints is report/run.c.
 *
 * A stage for each encoder layer with weights, from the row inwards. Its encoder is that layer, and before
 * it the layers without weights that stand there (so noise corrupts the stage's rows, as in Vincent et al.
 * 2010); its decoder is the encoder's mirror, ending in the activation of the decoder's layer that is to
 * start from it. It learns from the codes that the layers before it give once they are trained, noise and
 * dropout off, float32 and not scaled; the first from the rows themselves. Loss mse without penalties; all
 * other settings are the recipe's.
 */
#ifndef CN_TRAIN_PRETRAIN_H
#define CN_TRAIN_PRETRAIN_H

#include "train/trainer.h"

typedef struct cn_stage {
    size_t first, node; /* of the whole net: the encoder's nodes [first, node], the last with weights */
    size_t decoder;     /* the decoder's node that starts from the mirror's weights */
} cn_stage;

/* The stages of a net. CINCH_USAGE naming the layer where the decoder does not mirror the encoder. The caller
 * frees *stages with cn_free. */
cinch_status cn_stages_new(const cinch_model *whole, const cinch_recipe *recipe, cn_stage **stages,
                           size_t *count, cinch_error *error);

/* What a user would write to train it alone, given the recipe of the whole. */
cinch_recipe *cn_stage_recipe(const cn_stage *stage, const cinch_model *whole, const cinch_recipe *recipe,
                              cinch_error *error);

/* The codes of rows [0, nrow) that it learns from, [nrow][its input]; the stages before it have been taken
 * into the whole. The caller frees them with cn_free. */
float *cn_stage_codes(const cn_stage *stage, const cinch_model *whole, const cinch_data *data, size_t nrow,
                      size_t threads, cinch_error *error);

/* The trained stage's weights into the whole. */
void cn_stage_take(const cn_stage *stage, const cinch_model *trained, cinch_model *whole);

/* "encoder.1" */
enum { CN_STAGE_ROOM = 32 };
void cn_stage_print(const cn_stage *stage, const cinch_model *whole, char name[CN_STAGE_ROOM]);

/* A checkpoint of a stage's trainer that has the stage's name and the whole's weights as they stand; and
 * from any checkpoint of such a run the whole's weights and *stage, the place of the one under way:
 * `count` where pretraining is over (the weights are then the trainer's to restore). */
cinch_status cn_stage_save(const cn_stage *stage, const cinch_model *whole, const cinch_trainer *trainer,
                           const char *path, cinch_error *error);
cinch_status cn_stages_restore(const cn_stage *stages, size_t count, cinch_model *whole, const char *path,
                               size_t *stage, cinch_error *error);

#endif
