# Cinch. `make` builds build/cinch and build/libcinch.a; `make help` lists the other targets.
#
# VARIANT=release|asan|tsan|clang|fuzz each have a folder build/VARIANT of their own, so that they coexist.
# PARTS=FOLDER builds one more folder's parts too (layer_NAME.c, loss_NAME.c, ...), in build/VARIANT-FOLDER.
# WERROR=1 makes warnings errors, and they stay errors in that build folder. V=1 shows the commands.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

VARIANT ?= release
CFLAGS ?= -O2 -g
VARIANTS := release asan tsan clang fuzz
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error no variant "$(VARIANT)"; there are: $(VARIANTS))
endif

BUILD := build/$(VARIANT)$(if $(PARTS),-$(notdir $(abspath $(PARTS))))
ifneq ($(filter $(VARIANT),clang fuzz),)
CC := clang
endif

# ---- Flags -------------------------------------------------------------------------------------------------

UNDEFINED := -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE_asan := -fsanitize=address,undefined $(UNDEFINED)
SANITIZE_tsan := -fsanitize=thread -fno-omit-frame-pointer
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined $(UNDEFINED)
SANITIZE := $(SANITIZE_$(VARIANT))

# What has once been built with warnings as errors stays so: then no object can have slipped through.
ifneq ($(findstring -Werror,$(file <$(BUILD)/flags)),)
WERROR ?= 1
endif
WARNINGS := -Wall -Wextra -Wconversion -Wshadow $(if $(filter 1,$(WERROR)),-Werror)

# High targets first look for packages, then call make again; the others need the packages now.
HIGH := help demo check recipes judges sanitize bench fuzz layers format clean
PACKAGES := zlib jansson libmd
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(HIGH),$(MAKECMDGOALS)),all),)
ifneq ($(shell pkg-config --exists $(PACKAGES) 2>/dev/null && echo found),found)
$(error a package is missing: run scripts/deps build)
endif
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES))
endif

INCLUDES = -Iinclude -Isrc -I.
COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -pthread $(CFLAGS) $(SANITIZE) $(CPPFLAGS) \
    $(PACKAGE_CFLAGS)
LINK = $(CC) $(CFLAGS) $(SANITIZE) -pthread $(LDFLAGS) -Wl,--as-needed
LIBS := $(PACKAGE_LIBS) -lm
FLAGS := $(COMPILE) | $(LINK) $(LIBS)

Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')

# ---- What is built -----------------------------------------------------------------------------------------

KINDS := format layer decoder initializer loss penalty optimizer figure
parts_of = $(wildcard src/*/$(1)_*.c cli/$(1)_*.c $(if $(PARTS),$(PARTS)/$(1)_*.c))
objects = $(addprefix $(BUILD)/,$(patsubst %.c,%.o,$(1)))

EXTRA := $(if $(PARTS),$(patsubst $(PARTS)/%.c,$(BUILD)/extra/%.o,$(wildcard $(PARTS)/*.c)))
EXTRA_COMMANDS := $(filter $(BUILD)/extra/command_%,$(EXTRA))
LIBRARY_OBJECTS := $(call objects,$(wildcard src/*/*.c)) $(KINDS:%=$(BUILD)/parts/parts_%.o) \
    $(filter-out $(EXTRA_COMMANDS),$(EXTRA))
COMMAND_OBJECTS := $(call objects,$(wildcard cli/*.c)) $(BUILD)/parts/parts_command.o $(EXTRA_COMMANDS)
LIBRARY := $(BUILD)/libcinch.a

TEST_HELPERS := $(call objects,$(filter-out $(wildcard tests/test_*.c),$(wildcard tests/*.c)))
ALL_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c))
TESTS := $(if $(T),$(filter $(BUILD)/tests/test_$(T),$(ALL_TESTS)),$(ALL_TESTS))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard fuzz/fuzz_*.c))
PROGRAM_OBJECTS := $(addsuffix .o,$(ALL_TESTS) $(EXAMPLES) $(BENCHES) $(FUZZERS)) $(TEST_HELPERS)

.PHONY: all tests programs help demo check recipes judges sanitize bench fuzz layers format clean FORCE \
    check-run bench-run fuzz-run

all: $(BUILD)/cinch $(LIBRARY)
ifeq ($(BUILD),build/release)
all: build/cinch build/libcinch.a
endif
tests: all $(TESTS)
programs: tests $(EXAMPLES)

# The tools and the user see the release where one looks first.
build/cinch build/libcinch.a: build/%: build/release/%
	$(Q)ln -f $< $@

$(BUILD)/cinch: $(COMMAND_OBJECTS) $(LIBRARY) $(BUILD)/commands.list
	$(call say,LD $@)
	$(Q)$(LINK) $(COMMAND_OBJECTS) $(LIBRARY) $(LIBS) -o $@

# Made anew each time, so that a source that is gone leaves nothing in it.
$(LIBRARY): $(LIBRARY_OBJECTS) $(BUILD)/objects.list
	$(call say,AR $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIBRARY_OBJECTS)

$(ALL_TESTS): %: %.o $(TEST_HELPERS) $(LIBRARY)
	$(call say,LD $@)
	$(Q)$(LINK) $< $(TEST_HELPERS) $(LIBRARY) $(LIBS) -lcmocka -ldl -o $@

$(EXAMPLES) $(BENCHES): %: %.o $(LIBRARY)
	$(call say,LD $@)
	$(Q)$(LINK) $< $(LIBRARY) $(LIBS) -o $@

$(FUZZERS): %: %.o $(LIBRARY)
	$(call say,LD $@)
	$(Q)$(LINK) -fsanitize=fuzzer $< $(LIBRARY) $(LIBS) -o $@

# The command and the examples see the public header alone.
$(COMMAND_OBJECTS) $(EXAMPLES:=.o): INCLUDES = -Iinclude -I.

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC $<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDES) $(KERNEL_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/parts/%.o: $(BUILD)/parts/%.c $(BUILD)/flags
	$(call say,CC $<)
	$(Q)$(COMPILE) $(INCLUDES) -MMD -MP -c $< -o $@

ifneq ($(PARTS),)
$(BUILD)/extra/%.o: $(PARTS)/%.c $(BUILD)/flags
	$(call say,CC $<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDES) -MMD -MP -c $< -o $@
endif

# Tables of parts, the flags and the lists of objects: looked at each time, written only where they changed.
$(patsubst %,$(BUILD)/parts/parts_%.c,$(KINDS) command): $(BUILD)/parts/parts_%.c: FORCE
	@scripts/parts $* $(call parts_of,$*) | scripts/rewrite $@

$(BUILD)/flags: FORCE
	@printf '%s\n' '$(FLAGS)' | scripts/rewrite $@

$(BUILD)/objects.list: FORCE
	@printf '%s\n' $(LIBRARY_OBJECTS) | scripts/rewrite $@

$(BUILD)/commands.list: FORCE
	@printf '%s\n' $(COMMAND_OBJECTS) | scripts/rewrite $@

# Instruction sets of single kernels: KERNEL_FLAGS of their objects.
-include src/math/flags.mk
$(LIBRARY_OBJECTS): $(wildcard src/math/flags.mk)

-include $(patsubst %.o,%.d,$(LIBRARY_OBJECTS) $(COMMAND_OBJECTS) $(PROGRAM_OBJECTS))

# ---- What is done with it ----------------------------------------------------------------------------------

AGAIN := +@$(MAKE) --no-print-directory

demo:
	@scripts/deps build
	$(AGAIN) all
	@scripts/demo

# make check T=NAME: tests/test_NAME alone.
check:
	@scripts/deps build check
	$(AGAIN) WERROR=1 check-run

check-run: $(if $(T),tests,programs)
	@BUILD=$(BUILD) T=$(T) scripts/check

recipes:
	@scripts/deps build
	$(AGAIN) all
	@scripts/recipes

judges:
	@scripts/deps build judges
	$(AGAIN) all
	@scripts/judges

sanitize:
	@scripts/deps build check sanitize
	+@MAKE='$(MAKE)' scripts/sanitize

bench:
	@scripts/deps build
	$(AGAIN) bench-run

bench-run: all $(BENCHES)
	@for bench in $(BENCHES); do echo "$$bench"; CINCH=build/cinch $$bench || exit 1; done

FUZZ_SECONDS ?= 30

fuzz:
	@scripts/deps build sanitize
	$(AGAIN) VARIANT=fuzz fuzz-run

fuzz-run: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
	    mkdir -p $$fuzzer.corpus && $$fuzzer -max_total_time=$(FUZZ_SECONDS) $$fuzzer.corpus || exit 1; \
	done

layers:
	@scripts/layers

format:
	clang-format -i $(wildcard include/*.h src/*/*.[ch] cli/*.[ch] tests/*.[ch] examples/*.c bench/*.c fuzz/*.c)

clean:
	rm -rf build

help:
	@echo 'make            build/cinch and build/libcinch.a'
	@echo 'make demo       installs what is missing, builds, trains on digits (or clothes)'
	@echo 'make check      all that a change must pass; T=NAME: one test'
	@echo 'make recipes    the recipes on the real data, their numbers checked'
	@echo 'make judges     against numpy and PyTorch from PyPI'
	@echo 'make sanitize   the tests under ASan, UBSan, TSan, Valgrind; cppcheck; clang'
	@echo 'make bench      how fast it is'
	@echo 'make fuzz       FUZZ_SECONDS=30 of libFuzzer on each parser'
	@echo 'make layers     the graph of the folders'
	@echo 'make format     clang-format on every source'
	@echo 'make clean      removes build'
