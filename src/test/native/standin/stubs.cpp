// JCuda's natives are loaded with RTLD_NOW, so every symbol they name has to exist. SYMBOLS lists them; what the
// stand-in defines itself replaces these weak functions.
extern "C" int standin_missing(const char* name);

#define SYMBOL(name)                                                             \
    extern "C" __attribute__((weak, visibility("default"))) int name() {         \
        return standin_missing(#name);                                           \
    }
#include SYMBOLS
