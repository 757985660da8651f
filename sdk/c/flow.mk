# How a flow in C or C++ is built; a project's Makefile says where this is and includes it.
#
#   VIREO_C   the directory of this file
#   FLOW      the component: hotline.wasm
#   SOURCES   your own .c and .cpp files
#
# Needs clang with its wasm-ld (Debian: apt-get install clang lld), or Zig's: make CC="zig cc".
# No C library is taken: include libc/string.h and libc/stdlib.h have what a flow needs.

VIREO ?= vireo
ifeq ($(origin CC),default)
CC := clang
endif
BUILD ?= build
CORE = $(BUILD)/$(notdir $(FLOW:.wasm=.core.wasm))

VIREO_FLAGS = --target=wasm32-freestanding -Os -ffreestanding -nostdlib -I$(VIREO_C)/include -isystem $(VIREO_C)/libc
CFLAGS ?= -std=c11 -Wall
CXXFLAGS ?= -std=c++20 -Wall
# Names stay: they are what a backtrace shows. Everything else that is not used goes.
VIREO_LDFLAGS = -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-debug -Wl,-z,stack-size=16384

VIREO_OBJECTS = $(addprefix $(BUILD)/vireo/,vireo.o format.o memory.o flow.o)
OBJECTS = $(addprefix $(BUILD)/,$(addsuffix .o,$(SOURCES)))

$(FLOW): $(CORE)
	$(VIREO) build $< --output $@

$(CORE): $(OBJECTS) $(VIREO_OBJECTS)
	$(CC) $(VIREO_FLAGS) $(VIREO_LDFLAGS) $^ -o $@

$(BUILD)/%.c.o: %.c $(VIREO_C)/include/vireo.h
	@mkdir -p $(@D)
	$(CC) $(VIREO_FLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/%.cpp.o: %.cpp $(VIREO_C)/include/vireo.h
	@mkdir -p $(@D)
	$(CC) $(VIREO_FLAGS) $(CXXFLAGS) -fno-exceptions -fno-rtti -c $< -o $@

$(BUILD)/vireo/%.o: $(VIREO_C)/src/%.c $(VIREO_C)/include/vireo.h
	@mkdir -p $(@D)
	$(CC) $(VIREO_FLAGS) -std=c11 -fno-builtin -c $< -o $@

$(BUILD)/vireo/flow.o: $(VIREO_C)/bindings/flow.c
	@mkdir -p $(@D)
	$(CC) $(VIREO_FLAGS) -std=c11 -w -c $< -o $@

.PHONY: clean
clean:
	rm -rf $(BUILD) $(FLOW)
