// A library that has to lie beside another one and be loaded, and of which nothing is called: libcublasLt, and the
// built-in headers of NVRTC.
#include "standin.h"

EXPORTED int standin_nothing() {
    return 0;
}
