package org.densenet4j.backend;

import java.util.List;
import java.util.Optional;

/** What a device's name says: a backend, and behind a colon which of its devices. */
final class DeviceName {
    private DeviceName() {}

    /** {@code cuda} of {@code cuda:1}. */
    static String backend(String name) {
        int colon = name.indexOf(':');
        return colon < 0 ? name : name.substring(0, colon);
    }

    /** 1 of {@code cuda:1}; empty where there is no colon. */
    static Optional<Integer> index(String name) {
        int colon = name.indexOf(':');
        if (colon < 0) {
            return Optional.empty();
        }
        try {
            return Optional.of(Integer.parseInt(name.substring(colon + 1)));
        } catch (NumberFormatException e) {
            throw new DeviceException(
                    "'" + name + "' is no device; write for example cuda:0 or cpu");
        }
    }

    /** One line of notice, once a process, where a preferred backend was passed over. */
    static void noticeFallback(DeviceProvider taken, List<String> problems) {
        if (!problems.isEmpty()) {
            Notice.once(
                    System.Logger.Level.INFO,
                    "running on " + taken.name() + "; " + String.join("; ", problems));
        }
    }
}
