package org.densenet4j.backend;

import java.util.List;
import java.util.Optional;

/** A backend, found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
    /** {@return name of the backend: {@code "cpu"}, {@code "cuda"}} */
    String name();

    /** {@return where several backends work, {@link Device#best()} takes the highest} */
    int preference();

    /**
     * {@return why this backend cannot be used here, in one line with the fix; empty when it can}
     */
    Optional<String> problem();

    /**
     * {@return what this backend found on this machine, for a diagnosis} May load its libraries.
     */
    default List<Finding> findings() {
        return List.of();
    }

    /**
     * Opens the device.
     *
     * @param options what the backend looks at of them: threads, index, precision
     * @return the device, which the caller closes
     */
    Device open(DeviceOptions options);
}
