# plumbline: tools, library, tests.
#
#   make            build/bin/* and build/libplumbline.a (gcc or clang, zlib, libyaml, libpng)
#   make check      all tests; make demo: from a CSV file to a forecast and its picture
#   make install    PREFIX, DESTDIR and the usual directory variables are honoured
#
# B is the build folder; CC, CFLAGS and LDFLAGS are yours; V=1 shows the commands.

B        ?= build
CC       ?= cc
CFLAGS   ?= -O3 -g
QUIET     = $(if $(V),,@echo "  $@";)
WARN      = -Wall -Wextra -Wshadow -Wconversion
PL_CFLAGS = -std=c11 -D_GNU_SOURCE -Ilib -fno-math-errno -ffp-contract=off $(WARN)
PL_LDLIBS = -lyaml -lpng -lz -lm -ldl -pthread

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man
bashdir    ?= $(prefix)/share/bash-completion/completions

VERSION := $(shell sed -n 's/.*PL_VERSION "\(.*\)"/\1/p' lib/base/version.h)
SONAME  := libplumbline.so.0
HEADERS := plumbline.h $(shell sed -n 's/^.include "\(.*\)"/\1/p' lib/plumbline.h)
LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c))
VECTORS_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/vectors/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
TOOLS   := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
TOOL_BIN := $(TOOLS:%=$(B)/bin/%)
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))
# What works in pl_real (tensor/real.h) is compiled a second time in double precision, for tests.
REAL_SRC := $(sort $(shell awk -v header=tensor/real.h -f tests/includers.awk lib/*/*.[ch]))
DOUBLE_OBJ := $(REAL_SRC:%.c=$(B)/double/%.o)
MAN      := $(wildcard man/man*/*)

all: $(B)/libplumbline.a $(TOOL_BIN)

# A missing package is named before a compiler error would.
$(B)/packages:
	@CC='$(CC)' sh tests/packages build
	@mkdir -p $(@D) && touch $@

$(B)/%.o: %.c | $(B)/packages
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(PL_CFLAGS) -fPIC $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/double/%.o: %.c | $(B)/packages
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(PL_CFLAGS) -DPL_DOUBLE $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/libplumbline.a: $(LIB_OBJ)
	@mkdir -p $(@D) && rm -f $@
	$(QUIET)$(AR) rcs $@ $^

LINK = $(QUIET)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) $^ $(PL_LDLIBS) -o $@

$(B)/libplumbline.so: $(LIB_OBJ)
	$(LINK) -shared -Wl,-soname,$(SONAME)
$(B)/bin/%: $(B)/tools/%.o $(B)/libplumbline.a
	$(LINK)
$(B)/unit/double_%: $(B)/double/tests/unit/double_%.o $(DOUBLE_OBJ) $(B)/libplumbline.a
	$(LINK)
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libplumbline.a
	$(LINK)
$(B)/bench/%: $(B)/tests/bench/%.o $(B)/libplumbline.a
	$(LINK)
$(B)/check-vectors: $(VECTORS_OBJ) $(B)/libplumbline.a
	$(LINK)
$(B)/double/check-vectors: $(VECTORS_OBJ:$(B)/%=$(B)/double/%) $(DOUBLE_OBJ) $(B)/libplumbline.a
	$(LINK)
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libplumbline.a
	$(LINK) -fsanitize=fuzzer

# ---- tests; each target also runs with B, CFLAGS and the like changed

VECTORS_BIN := $(if $(VECTORS_OBJ),$(B)/double/check-vectors $(B)/check-vectors)
test-programs: all $(UNIT_BIN) $(VECTORS_BIN)

unit: $(UNIT_BIN)
	B=$(B) tests/run $(UNIT_BIN)

check:
	@sh tests/packages --install build test
	@$(MAKE) --no-print-directory test-programs
	@B=$(B) tests/run

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
check-asan:
	@$(MAKE) --no-print-directory B=build/asan CFLAGS='$(SANITIZE)' test-programs
	B=build/asan CHECKER=asan tests/run

check-valgrind: test-programs
	@sh tests/packages --install valgrind
	B=$(B) CHECKER=valgrind tests/run

VECTORS ?= ../shared/vectors
check-vectors: $(VECTORS_BIN)
	@status=0; for program in $^; do $$program $(VECTORS) || status=1; done; exit $$status

# Each target for FUZZ_SECONDS, on a corpus that stays in build/fuzz between runs.
FUZZ_SECONDS ?= 20
FUZZ_CFLAGS = -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
fuzz:
	@sh tests/packages --install fuzz
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang CFLAGS='$(FUZZ_CFLAGS)' fuzz-programs
	@for target in $(basename $(notdir $(FUZZ_SRC))); do \
	    corpus=build/fuzz/corpus/$$target log=build/fuzz/$$target.log; mkdir -p $$corpus; \
	    build/fuzz/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20 \
	        -print_final_stats=1 -artifact_prefix=build/fuzz/$$target- $$corpus \
	        $(wildcard tests/hostile) >$$log 2>&1 || { tail -n 60 $$log; exit 1; }; \
	    echo "ok $$target $$(sed -n 's/.*executed_units: *//p' $$log) inputs"; \
	done
fuzz-programs: $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)

bench: all $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
	B=$(B) tests/bench/run

lint: all
	@sh tests/packages --install lint
	B=$(B) tests/lint

demo:
	@sh tests/packages --install build test
	@$(MAKE) --no-print-directory all
	@B=$(B) sh data/demo.sh

# ---- sources

format:
	clang-format -i $(wildcard lib/*.h lib/*/*.[ch] tools/*.c tests/*/*.[ch])

# Writes the OPTIONS of every man page anew from the option tables.
man-options: all
	B=$(B) man/options $(wildcard $(TOOLS:%=man/man1/%.1)) man/man7/plumbline-models.7

# ---- installation

install: all $(B)/libplumbline.so
	install -d $(addprefix $(DESTDIR),$(bindir) $(libdir)/pkgconfig $(bashdir) $(includedir)/plumbline)
	install -m 755 $(TOOL_BIN) $(DESTDIR)$(bindir)
	for tool in $(TOOLS); do \
	    $(B)/bin/$$tool --print-options bash >$(DESTDIR)$(bashdir)/$$tool || exit 1; done
	for page in $(MAN:man/%=%); do install -D -m 644 man/$$page $(DESTDIR)$(mandir)/$$page || exit 1; done
	for header in $(HEADERS); do \
	    install -D -m 644 lib/$$header $(DESTDIR)$(includedir)/plumbline/$$header || exit 1; done
	install -m 644 $(B)/libplumbline.a $(DESTDIR)$(libdir)
	install -m 755 $(B)/libplumbline.so $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libplumbline.so
	printf '%s\n' 'Name: plumbline' 'Description: linear sequence models and tensor streams' \
	    'Version: $(VERSION)' 'Cflags: -I$(includedir)/plumbline' 'Libs: -L$(libdir) -lplumbline' \
	    'Libs.private: $(PL_LDLIBS)' >$(DESTDIR)$(libdir)/pkgconfig/plumbline.pc

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(bindir)/%) $(TOOLS:%=$(DESTDIR)$(bashdir)/%)
	rm -f $(MAN:man/%=$(DESTDIR)$(mandir)/%)
	rm -f $(addprefix $(DESTDIR)$(libdir)/,libplumbline.a libplumbline.so $(SONAME) pkgconfig/plumbline.pc)
	rm -rf $(DESTDIR)$(includedir)/plumbline

clean:
	rm -rf $(B)

distclean:
	rm -rf build $(B)

.PHONY: all test-programs unit check check-asan check-valgrind check-vectors fuzz fuzz-programs \
        bench lint demo format man-options install uninstall clean distclean
.SECONDARY:
-include $(wildcard $(B)/lib/*/*.d $(B)/tools/*.d $(B)/tests/*/*.d $(B)/double/*/*/*.d)
