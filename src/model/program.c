#include "model/program.h"

#include "base/memory.h"

void cn_program_add(cn_program *program, cn_primitive primitive)
{
    if (program->count == program->room) {
        size_t room = program->room ? 2 * program->room : 16;
        cn_primitive *grown = cn_resize(program->primitives, room, sizeof *grown, NULL);
        if (!grown) {
            cn_free(primitive.columns);
            program->failed = true;
            return;
        }
        program->primitives = grown;
        program->room = room;
    }
    program->primitives[program->count++] = primitive;
}

void cn_program_clear(cn_program *program)
{
    for (size_t i = 0; i < program->count; i++)
        cn_free(program->primitives[i].columns);
    cn_free(program->primitives);
    *program = (cn_program){0};
}
