package org.densenet4j.backend.cuda;

import org.densenet4j.backend.Finding;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What {@code doctor} shows of CUDA: libraries with versions and places, and devices. */
final class CudaFindings {
    private final CudaLibraries libraries;

    private CudaFindings(CudaLibraries libraries) {
        this.libraries = libraries;
    }

    static List<Finding> of(CudaLibraries libraries) {
        CudaFindings findings = new CudaFindings(libraries);
        List<Finding> all = new ArrayList<>();
        for (CudaLibrary library : CudaLibrary.values()) {
            all.add(findings.library(library));
        }
        for (RejectedLibrary r : libraries.rejected()) {
            all.add(rejected(r));
        }
        libraries.driver().ifPresent(d -> d.devices().forEach(f -> all.add(device(f))));
        return all;
    }

    private Finding library(CudaLibrary library) {
        Optional<String> version = libraries.version(library);
        Optional<FoundLibrary> found = libraries.get(library);
        Map<String, Object> details = new LinkedHashMap<>();
        version.ifPresent(v -> details.put("version", v));
        found.ifPresent(
                f -> {
                    details.put("path", f.path().toString());
                    details.put("origin", f.origin());
                });
        boolean isRejected = libraries.rejected().stream().anyMatch(r -> r.library() == library);
        String state =
                version.map(v -> library == CudaLibrary.DRIVER ? "for CUDA " + v : v)
                        .orElse(isRejected ? "none that can be used" : "not found");
        String place = found.map(f -> "  " + f.path() + " (" + f.origin() + ")").orElse("");
        String advice = version.isPresent() || isRejected ? "" : advice(library);
        return new Finding(library.title(), version.isPresent(), state + place, advice, details);
    }

    private String advice(CudaLibrary library) {
        if (library != CudaLibrary.DRIVER && libraries.get(CudaLibrary.DRIVER).isEmpty()) {
            return ""; // Nothing but a driver helps.
        }
        return switch (library) {
            case DRIVER -> "install NVIDIA's driver 525 or newer; in a container: --gpus all";
            case CUBLAS ->
                    "products run by our own kernel, more slowly; doctor --fetch-cuda brings cuBLAS"
                            + " 12";
            case NVRTC ->
                    "needed only where the jar was built without nvcc; doctor --fetch-cuda brings"
                            + " it";
            case NCCL ->
                    "needed only where several processes train together; doctor --fetch-cuda brings"
                            + " NCCL 2.23";
            case CUDNN -> libraries.absence(library).line();
        };
    }

    private static Finding rejected(RejectedLibrary r) {
        Map<String, Object> details = new LinkedHashMap<>();
        details.put("library", r.library().title());
        details.put("origin", r.origin());
        return new Finding(
                "not used",
                false,
                r.reason().cause() + " (" + r.origin() + ")",
                r.reason().mend(),
                details);
    }

    private static Finding device(CudaDriver.DeviceFacts d) {
        Map<String, Object> details = new LinkedHashMap<>();
        details.put("name", d.name());
        details.put("memoryBytes", d.memoryBytes());
        details.put("computeCapability", d.capability());
        details.put("multiprocessors", d.multiprocessors());
        String summary =
                String.format(
                        Locale.ROOT,
                        "%s, %.1f GB, compute capability %s, %d multiprocessors",
                        d.name(),
                        d.memoryBytes() / 1e9,
                        d.capability(),
                        d.multiprocessors());
        boolean works = KernelImage.runsOn(d);
        String advice =
                works
                        ? ""
                        : "needs compute capability " + KernelImage.OLDEST_CAPABILITY + " or newer";
        return new Finding("device " + d.index(), works, summary, advice, details);
    }
}
