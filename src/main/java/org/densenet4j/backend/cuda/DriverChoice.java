package org.densenet4j.backend.cuda;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The driver that this process works with: the first of those found that starts, is new enough and
 * has a device.
 *
 * <p>A machine may hold several files of its name: the stub of a toolkit, a compatibility package,
 * the driver's own. One that does not start must not hide one that does.
 */
final class DriverChoice {
    /** Codes that missing device nodes explain, where they are missing. */
    private static final Set<DriverError> OF_NODES =
            EnumSet.of(
                    DriverError.NOT_INITIALIZED, DriverError.OPERATING_SYSTEM, DriverError.UNKNOWN);

    private final VisibleDevices visible;
    private final List<RejectedLibrary> rejected = new ArrayList<>();
    private CudaDriver driver;
    private FoundLibrary file;
    private CauseAndMend problem;
    private boolean problemIsOfTheFile;

    /**
     * Tries one after the other until one starts.
     *
     * @param candidates drivers in the order of the search
     * @param visible why there may be no device
     */
    DriverChoice(List<FoundLibrary> candidates, VisibleDevices visible) {
        this.visible = visible;
        boolean stuck = false;
        for (FoundLibrary candidate : candidates) {
            if (driver == null && !stuck) {
                stuck = !attempt(candidate);
            }
        }
    }

    /** What the driver says; empty when none starts. */
    Optional<CudaDriver> driver() {
        return Optional.ofNullable(driver);
    }

    /** The file of the driver that started. */
    Optional<FoundLibrary> file() {
        return Optional.ofNullable(file);
    }

    /** Drivers that were tried and are not used. */
    List<RejectedLibrary> rejected() {
        return rejected;
    }

    /** Why none starts; empty when one does, or when none was found. */
    Optional<CauseAndMend> problem() {
        return driver == null ? Optional.ofNullable(problem) : Optional.empty();
    }

    /** Returns whether another can be tried after it. */
    private boolean attempt(FoundLibrary candidate) {
        try {
            driver = CudaDriver.start(candidate.path());
            file = candidate;
            return true;
        } catch (CudaDriver.RefusalException e) {
            // A file that cannot be unloaded answers for every other of its name.
            boolean unloaded = !DynamicLoader.isLoaded(candidate.path());
            reject(candidate, e, unloaded);
            return unloaded;
        }
    }

    private void reject(FoundLibrary candidate, CudaDriver.RefusalException e, boolean unloaded) {
        Optional<DriverError> error = DriverError.of(e.status());
        CauseAndMend reason =
                unloaded
                        ? reason(error)
                        : new CauseAndMend(
                                "it cannot be unloaded to try another",
                                "take its folder out of " + candidate.origin());
        boolean ofTheFile = error.map(DriverError::isOfTheFile).orElse(e.status() == 0);
        CauseAndMend whole =
                new CauseAndMend(
                        "the NVIDIA driver "
                                + candidate.path()
                                + " "
                                + e.getMessage()
                                + (reason.cause().isEmpty() ? "" : ": " + reason.cause()),
                        reason.mend());
        rejected.add(new RejectedLibrary(CudaLibrary.DRIVER, candidate.origin(), whole));
        // A stub in front says less of the machine than a driver that found no device.
        if (problem == null || problemIsOfTheFile && !ofTheFile) {
            problem = whole;
            problemIsOfTheFile = ofTheFile;
        }
    }

    private CauseAndMend reason(Optional<DriverError> error) {
        if (error.isEmpty()) {
            return new CauseAndMend("", "check that nvidia-smi lists a device");
        }
        return switch (error.get()) {
            case NO_DEVICE -> visible.whyNone();
            case INSUFFICIENT_DRIVER -> new CauseAndMend("", "update it to 525 or newer");
            default ->
                    OF_NODES.contains(error.get())
                            ? visible.nodes().orElse(error.get().causeAndMend())
                            : error.get().causeAndMend();
        };
    }
}
