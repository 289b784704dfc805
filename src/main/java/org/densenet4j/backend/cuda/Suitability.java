package org.densenet4j.backend.cuda;

import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * Whether a library that was found can be used with the driver of this machine.
 *
 * <p>A library of a newer major version of CUDA than the driver's does not run at all; within a
 * major version every library runs on every driver (NVIDIA, CUDA Compatibility). What NVRTC
 * compiles is stricter: a driver takes PTX of its own CUDA or an older one.
 *
 * @param driver that of this machine; where there is none, everything that loads will do
 */
record Suitability(Optional<CudaDriver> driver) {

    /** Why a library cannot be used; empty when it can. Then it stays loaded, and only then. */
    Optional<CauseAndMend> problem(FoundLibrary found) {
        int major = found.files().cudaMajor();
        if (driver.isPresent() && major > driver.get().version() / 1000) {
            return Optional.of(tooNew(found, String.valueOf(major)));
        }
        List<Path> tried = new ArrayList<>();
        if (found.library() != CudaLibrary.CUDNN) {
            tried.addAll(found.parts()); // cuDNN opens its parts itself, when it needs them.
        }
        tried.add(found.path());
        List<DynamicLoader.Trial> trials = new ArrayList<>();
        try {
            for (Path file : tried) {
                trials.add(DynamicLoader.trial(file));
            }
            Optional<CauseAndMend> problem = builtForNewer(found, trials.getLast().functions());
            if (problem.isEmpty()) {
                tried.forEach(DynamicLoader::load);
            }
            return problem;
        } catch (DynamicLoader.LoadException e) {
            return Optional.of(new CauseAndMend(e.getMessage(), DynamicLoader.DAMAGED));
        } finally {
            Collections.reverse(trials);
            trials.forEach(DynamicLoader.Trial::close);
        }
    }

    private Optional<CauseAndMend> builtForNewer(FoundLibrary found, SymbolLookup functions) {
        if (driver.isEmpty()) {
            return Optional.empty();
        }
        int version = driver.get().version();
        int built =
                switch (found.library()) {
                    case CUDNN -> LibraryVersion.cudaOfCudnn(functions);
                    case NVRTC -> LibraryVersion.cudaOfNvrtc(functions);
                    case CUBLAS, DRIVER -> 0; // The file's name has told.
                    case NCCL -> 0; // It does not tell; it says so when it starts on a device.
                };
        boolean tooNew =
                found.library() == CudaLibrary.NVRTC
                        ? built > version
                        : built / 1000 > version / 1000;
        return tooNew ? Optional.of(tooNew(found, CudaDriver.text(built))) : Optional.empty();
    }

    private CauseAndMend tooNew(FoundLibrary found, String cuda) {
        return new CauseAndMend(
                found.path()
                        + " is built for CUDA "
                        + cuda
                        + ", the driver supports "
                        + driver.orElseThrow().versionText(),
                "update the driver");
    }
}
