# How the kernels, and the loops over elements of losses, optimizers and penalties, are compiled. Without errno and
# traps a choice and a square root become vector code; no value changes. Straight-line vectorizing is off because it
# costs the plain tiles a third of their speed.
LOOP_FLAGS := -O3 -fno-math-errno -fno-trapping-math -fno-tree-slp-vectorize

LOOP_SOURCES := $(wildcard src/math/*.c src/train/blocks.c src/train/loss_*.c src/train/optimizer_*.c \
    src/train/penalty_*.c)
$(LOOP_SOURCES:%.c=\%/%.o): KERNEL_FLAGS = $(LOOP_FLAGS)

ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
%/src/math/kernels_avx2.o: KERNEL_FLAGS = $(LOOP_FLAGS) -mavx2 -mfma
%/src/math/kernels_avx512.o: KERNEL_FLAGS = $(LOOP_FLAGS) -mavx512f -mavx512dq -mavx512vl -mfma -mbmi2 \
    -mprefer-vector-width=512
endif
# Scheduled before registers are given out, a tile's loads would all come first, and push two of its sums out of them.
ifneq ($(filter aarch64-%,$(shell $(CC) -dumpmachine)),)
%/src/math/kernels_neon.o: KERNEL_FLAGS = $(LOOP_FLAGS) -fno-schedule-insns
endif
