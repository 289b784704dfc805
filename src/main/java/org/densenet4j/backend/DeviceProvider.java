package org.densenet4j.backend;

import java.util.Optional;

/** A backend, found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
    /** Name of the backend: {@code "cpu"}, {@code "cuda"}. */
    String name();

    /** Where several backends work, {@link Device#best()} takes the highest. */
    int preference();

    /** Why this backend cannot be used here, in one line with the fix; empty when it can. */
    Optional<String> problem();

    /** Opens the device. */
    Device open(DeviceOptions options);
}
