#include "model/program.h"

#include "base/memory.h"

void cn_program_add(cn_program *program, cn_primitive primitive)
{
    if (program->count == program->room) {
        size_t room = program->room ? 2 * program->room : 16;
        cn_primitive *grown = cn_resize(program->primitives, room, sizeof *grown, NULL);
        if (!grown) {
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
    cn_free(program->primitives);
    *program = (cn_program){0};
}
