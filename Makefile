# plumbline: tools, library, tests.  `make` needs gcc (or clang), zlib and libyaml.
# B is the build folder; CFLAGS and LDFLAGS are yours.

B       ?= build
CC      ?= cc
CFLAGS  ?= -O3 -g
WARN     = -Wall -Wextra -Wshadow -Wconversion
PL_CFLAGS = -std=c11 -D_GNU_SOURCE -Ilib -fopenmp -fno-math-errno -ffp-contract=off $(WARN)
PL_LDLIBS = -lyaml -lz -lm -ldl -pthread

LIB_SRC  := $(wildcard lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
TOOLS    := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
TOOL_BIN := $(TOOLS:%=$(B)/bin/%)
UNIT     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
UNIT_BIN := $(UNIT:%=$(B)/unit/%)

all: $(B)/libplumbline.a $(TOOL_BIN)

$(B)/libplumbline.a: $(LIB_OBJ)
	@mkdir -p $(@D); rm -f $@
	$(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(PL_CFLAGS) -fPIC $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/bin/%: $(B)/tools/%.o $(B)/libplumbline.a
	@mkdir -p $(@D)
	$(CC) -fopenmp $(CFLAGS) $(LDFLAGS) $< $(B)/libplumbline.a $(PL_LDLIBS) -o $@

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libplumbline.a
	@mkdir -p $(@D)
	$(CC) -fopenmp $(CFLAGS) $(LDFLAGS) $< $(B)/libplumbline.a $(PL_LDLIBS) -o $@

unit: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do $$t || exit 1; done

clean:
	rm -rf $(B)

.PHONY: all unit clean
.SECONDARY:
-include $(LIB_OBJ:.o=.d) $(TOOLS:%=$(B)/tools/%.d) $(UNIT:%=$(B)/tests/unit/%.d)
