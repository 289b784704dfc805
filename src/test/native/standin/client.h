// How cuBLAS and cuDNN reach the driver that the process has loaded.
#pragma once

#include "standin.h"

#include <dlfcn.h>

inline const StandIn* driverOfProcess() {
    static const StandIn* const found = [] {
        void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
        using Find = const StandIn* (*)();
        const auto find = library ? reinterpret_cast<Find>(dlsym(library, "standin")) : nullptr;
        return find ? find() : nullptr;
    }();
    return found;
}
