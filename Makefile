# Cinch. `make` builds build/cinch and build/libcinch.a; `make help` lists the other targets.
#
# VARIANT=release|asan|tsan|clang|fuzz|aarch64 each have a folder build/VARIANT of their own, so that they coexist.
# PARTS=FOLDER builds one more folder's parts too (layer_NAME.c, loss_NAME.c, ...), in build/VARIANT-FOLDER.
# WERROR=1 makes warnings errors, and they stay errors in that build folder. V=1 shows the commands.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

VARIANT ?= release
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
VARIANTS := release asan tsan clang fuzz aarch64
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error no variant "$(VARIANT)"; there are: $(VARIANTS))
endif

BUILD := build/$(VARIANT)$(if $(PARTS),-$(notdir $(abspath $(PARTS))))
ifneq ($(filter $(VARIANT),clang fuzz),)
CC := clang
endif

# For another machine: its compiler, and below $(SYSROOT) its C library and packages, as scripts/cross puts them
# there. Late parts, and so figures, are left out.
SYSROOT :=
PKG_CONFIG := pkg-config
ifeq ($(VARIANT),aarch64)
SYSROOT := build/cross/root
CC := aarch64-linux-gnu-gcc --sysroot=$(SYSROOT)
AR := aarch64-linux-gnu-ar
PKG_CONFIG := PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
    PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/aarch64-linux-gnu/pkgconfig pkg-config
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
HIGH := help demo check recipes judges cross sanitize guard bench peers sweep fuzz layers format clean uninstall
PACKAGES := zlib jansson libmd libpng
# Late parts: src/FOLDER/late/NAME.c and the packages that it alone links, in an object of its own.
LATE_PACKAGES_cairo := cairo
LATE_PACKAGES_zip := libzip
LATE := $(if $(SYSROOT),,$(basename $(notdir $(wildcard src/*/late/*.c))))
LATE_PACKAGES := $(foreach part,$(LATE),$(LATE_PACKAGES_$(part)))
ifneq ($(if $(MAKECMDGOALS),$(filter-out $(HIGH),$(MAKECMDGOALS)),all),)
ifneq ($(shell $(PKG_CONFIG) --exists $(PACKAGES) $(LATE_PACKAGES) 2>/dev/null && echo found),found)
$(error a package is missing: run scripts/deps build)
endif
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES))
PACKAGE_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES))
endif

INCLUDES = -Iinclude -Isrc -I.
# gcc makes fused multiply-adds of a*b + c by itself where the target has them. Here they stand where the source
# says so and nowhere else: the bits do not depend on the target, nor on which copy of a loop runs.
EXACT := -ffp-contract=off
# The same objects serve the archive and the shared library.
POSITION := -fPIC -fno-semantic-interposition
COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -pthread $(POSITION) $(EXACT) $(CFLAGS) $(SANITIZE) \
    $(CPPFLAGS) $(PACKAGE_CFLAGS)
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
LATE_OBJECTS := $(LATE:%=$(BUILD)/late/cinch-%.so)
LATE_FOLDER := $(PREFIX)/lib/cinch

TEST_HELPERS := $(call objects,$(filter-out $(wildcard tests/test_*.c),$(wildcard tests/*.c)))
ALL_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c))
TESTS := $(if $(T),$(filter $(BUILD)/tests/test_$(T),$(ALL_TESTS)),$(ALL_TESTS))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/bench_*.c))
DRAW_SWEEP := $(BUILD)/bench/draw_sweep
BENCH_HELPERS := $(call objects,$(wildcard bench/works/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard fuzz/fuzz_*.c))
PROGRAM_OBJECTS := $(addsuffix .o,$(ALL_TESTS) $(EXAMPLES) $(BENCHES) $(DRAW_SWEEP) $(FUZZERS)) $(TEST_HELPERS) \
    $(BENCH_HELPERS)

.PHONY: all tests programs help demo check recipes judges cross sanitize guard bench peers sweep fuzz layers format \
    clean FORCE check-run bench-programs sweep-run fuzz-run

all: $(BUILD)/cinch $(LIBRARY) $(LATE_OBJECTS)
ifeq ($(BUILD),build/release)
all: build/cinch build/libcinch.a $(LATE:%=build/late/cinch-%.so)
endif
tests: all $(TESTS) $(BUILD)/tests/late
programs: tests $(EXAMPLES) $(BUILD)/examples/late $(BENCHES)

# The tools and the user see the release where one looks first.
build/cinch build/libcinch.a $(LATE:%=build/late/cinch-%.so): build/%: build/release/%
	$(Q)mkdir -p $(@D) && ln -f $< $@

$(BUILD)/cinch: $(COMMAND_OBJECTS) $(LIBRARY) $(BUILD)/commands.list
	$(call say,LD $@)
	$(Q)$(LINK) $(COMMAND_OBJECTS) $(LIBRARY) $(LIBS) -o $@

# Made anew each time, so that a source that is gone leaves nothing in it.
$(LIBRARY): $(LIBRARY_OBJECTS) $(BUILD)/objects.list
	$(call say,AR $@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIBRARY_OBJECTS)

# Each is closed in itself: what it needs of Cinch comes through its table's calls.
$(BUILD)/late/cinch-%.so: $(BUILD)/late/%.o
	$(call say,LD $@)
	$(Q)$(LINK) -shared $(if $(SANITIZE),,-Wl,--no-undefined) $< $(shell $(PKG_CONFIG) --libs $(LATE_PACKAGES_$*)) -lm -o $@

vpath %.c $(wildcard src/*/late)
$(BUILD)/late/%.o: %.c $(BUILD)/flags
	$(call say,CC $<)
	$(Q)mkdir -p $(@D) && $(COMPILE) $(INCLUDES) -fvisibility=hidden \
	    $(shell $(PKG_CONFIG) --cflags $(LATE_PACKAGES_$*)) -MMD -MP -c $< -o $@

# Late parts are looked for beside the program.
$(BUILD)/tests/late $(BUILD)/examples/late $(BUILD)/bench/late $(BUILD)/fuzz/late:
	$(Q)mkdir -p $(@D) && ln -sfn ../late $@

$(ALL_TESTS): %: %.o $(TEST_HELPERS) $(LIBRARY) | $(BUILD)/tests/late $(LATE_OBJECTS)
	$(call say,LD $@)
	$(Q)$(LINK) $< $(TEST_HELPERS) $(LIBRARY) $(LIBS) -lcmocka -ldl -o $@

$(BUILD)/bench/bench_works: $(BENCH_HELPERS)

$(EXAMPLES) $(BENCHES) $(DRAW_SWEEP): %: %.o $(LIBRARY)
	$(call say,LD $@)
	$(Q)$(LINK) $(filter %.o,$^) $(LIBRARY) $(LIBS) -o $@

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

$(BUILD)/late_folder: FORCE
	@printf '%s\n' '$(LATE_FOLDER)' | scripts/rewrite $@

$(BUILD)/src/base/late.o: $(BUILD)/late_folder
$(BUILD)/src/base/late.o: CPPFLAGS += -DCN_LATE_FOLDER='"$(LATE_FOLDER)"'

$(BUILD)/objects.list: FORCE
	@printf '%s\n' $(LIBRARY_OBJECTS) | scripts/rewrite $@

$(BUILD)/commands.list: FORCE
	@printf '%s\n' $(COMMAND_OBJECTS) | scripts/rewrite $@

# Instruction sets of single kernels: KERNEL_FLAGS of their objects.
-include src/math/flags.mk
$(LIBRARY_OBJECTS): $(wildcard src/math/flags.mk)

-include $(patsubst %.o,%.d,$(LIBRARY_OBJECTS) $(COMMAND_OBJECTS) $(PROGRAM_OBJECTS) \
    $(LATE:%=$(BUILD)/late/%.o))

# ---- What is done with it ----------------------------------------------------------------------------------

AGAIN := +@$(MAKE) --no-print-directory

demo:
	@scripts/deps build $$(scripts/mnist > /dev/null || echo fashion)
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
	$(AGAIN) all $(BUILD)/examples/components $(BUILD)/examples/choices
	@scripts/recipes

judges:
	@scripts/deps build judges
	$(AGAIN) all
	@scripts/judges

cross:
	@scripts/deps build
	$(AGAIN) all
	+@MAKE='$(MAKE)' scripts/cross

sanitize:
	@scripts/deps build check sanitize
	+@MAKE='$(MAKE)' scripts/sanitize

# Without Valgrind it says that it is skipped.
guard:
	@scripts/deps build
	@scripts/deps sanitize || :
	+@MAKE='$(MAKE)' scripts/guard

# make bench JSON=1: the works alone, as one object. BENCH='...': options and works, as bench_works --help says.
bench:
	@scripts/deps build
	$(AGAIN) bench-programs $(if $(JSON),>&2)
	$(if $(JSON),,@$(BUILD)/bench/bench_kernels)
	@CINCH=$(BUILD)/cinch $(BUILD)/bench/bench_works $(if $(JSON),--json) $(BENCH)

bench-programs: all $(BENCHES)

peers:
	@scripts/deps judges
	@scripts/peers

sweep:
	@scripts/deps build
	$(AGAIN) sweep-run

sweep-run: all $(DRAW_SWEEP) $(BUILD)/bench/late
	@scripts/sweep

FUZZ_SECONDS ?= 30

fuzz:
	@scripts/deps build sanitize
	$(AGAIN) VARIANT=fuzz fuzz-run

fuzz-run: $(FUZZERS) $(LATE_OBJECTS) $(BUILD)/fuzz/late
	@for fuzzer in $(FUZZERS); do \
	    mkdir -p $$fuzzer.corpus && $$fuzzer -max_total_time=$(FUZZ_SECONDS) $$fuzzer.corpus || exit 1; \
	done

layers:
	@scripts/layers

format:
	clang-format -i $(wildcard include/*.h src/*/*.[ch] src/*/late/*.[ch] cli/*.[ch] tests/*.[ch] examples/*.c bench/*.c \
	    bench/*/*.[ch] fuzz/*.c)

clean:
	rm -rf build

help:
	@echo 'make            build/cinch and build/libcinch.a'
	@echo 'make demo       installs what is missing, builds, trains on digits (or clothes)'
	@echo 'make check      all that a change must pass; T=NAME: one test'
	@echo 'make recipes    the recipes on the real data, their numbers checked'
	@echo 'make judges     against numpy, PyTorch and Keras from PyPI'
	@echo 'make cross      for AArch64 (NEON), tested under qemu'
	@echo 'make sanitize   the tests under ASan, UBSan, TSan, Valgrind; cppcheck; clang'
	@echo 'make guard      the instructions of three works beside those of bench/guard.tsv'
	@echo 'make bench      how fast it is; JSON=1: as one object; BENCH="...": options'
	@echo 'make peers      the environments of what `make bench` lays beside it, from PyPI'
	@echo 'make sweep      beside PyTorch over 116 nets, drawn: build/sweep.svg'
	@echo 'make fuzz       FUZZ_SECONDS=30 of libFuzzer on each parser'
	@echo 'make layers     the graph of the folders'
	@echo 'make format     clang-format on every source'
	@echo 'make install    into PREFIX=/usr/local, below DESTDIR; make uninstall takes it away'
	@echo 'make clean      removes build'

# ---- Installing --------------------------------------------------------------------------------------------

# make install [PREFIX=/usr/local] [DESTDIR=FOLDER]. What is installed is listed once, for both ways.
SHARED := $(BUILD)/install/libcinch.so.0
VERSION = $(shell sed -n 's/^\#define CINCH_VERSION "\(.*\)"/\1/p' include/cinch.h)
BASH_COMPLETION := share/bash-completion/completions/cinch
ZSH_COMPLETION := share/zsh/site-functions/_cinch
INSTALLED := $(addprefix $(PREFIX)/,bin/cinch include/cinch.h lib/libcinch.a lib/libcinch.so.0 lib/libcinch.so \
    lib/pkgconfig/cinch.pc share/man/man1/cinch.1 $(BASH_COMPLETION) $(ZSH_COMPLETION)) \
    $(LATE:%=$(LATE_FOLDER)/cinch-%.so)
PLACE := $(DESTDIR)$(PREFIX)

.PHONY: install uninstall

# Of the names in it only those of the public header are seen from outside.
$(SHARED): $(LIBRARY) scripts/exports
	$(call say,LD $@)
	$(Q)mkdir -p $(@D) && $(LINK) -shared -Wl,-soname,$(@F) -Wl,--version-script,scripts/exports -Wl,--no-undefined \
	    -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS) -o $@

$(BUILD)/install/cinch.1: $(BUILD)/cinch
	$(Q)mkdir -p $(@D) && $< help --man > $@

$(BUILD)/install/cinch.bash $(BUILD)/install/cinch.zsh: $(BUILD)/install/cinch.%: $(BUILD)/cinch
	$(Q)mkdir -p $(@D) && $< help --completion $* > $@

$(BUILD)/install/cinch.pc: scripts/pkgconfig include/cinch.h FORCE
	$(Q)scripts/pkgconfig '$(PREFIX)' '$(VERSION)' '$(PACKAGES)' | scripts/rewrite $@

install: all $(SHARED) $(addprefix $(BUILD)/install/cinch.,1 bash zsh pc)
	$(Q)install -d $(sort $(dir $(INSTALLED:%=$(DESTDIR)%)))
	$(Q)install -m 755 $(BUILD)/cinch $(PLACE)/bin/cinch
	$(Q)install -m 644 include/cinch.h $(PLACE)/include/cinch.h
	$(Q)install -m 644 $(LIBRARY) $(SHARED) $(PLACE)/lib
	$(Q)ln -sf $(notdir $(SHARED)) $(PLACE)/lib/libcinch.so
	$(if $(LATE),$(Q)install -m 644 $(LATE_OBJECTS) $(DESTDIR)$(LATE_FOLDER))
	$(Q)install -m 644 $(BUILD)/install/cinch.pc $(PLACE)/lib/pkgconfig/cinch.pc
	$(Q)install -m 644 $(BUILD)/install/cinch.1 $(PLACE)/share/man/man1/cinch.1
	$(Q)install -m 644 $(BUILD)/install/cinch.bash $(PLACE)/$(BASH_COMPLETION)
	$(Q)install -m 644 $(BUILD)/install/cinch.zsh $(PLACE)/$(ZSH_COMPLETION)
	@[ -n '$(DESTDIR)' ] || ldconfig 2> /dev/null || :
	@echo 'installed in $(PLACE); `cinch help` says how to begin'

uninstall:
	$(Q)rm -f $(INSTALLED:%=$(DESTDIR)%)
	$(Q)[ ! -d $(DESTDIR)$(LATE_FOLDER) ] || rmdir $(DESTDIR)$(LATE_FOLDER)
