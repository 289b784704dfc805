package org.densenet4j.backend;

import java.util.List;
import java.util.Optional;

/**
 * A backend whose missing or unsuitable classes are its problem and not that of who asks for a
 * device: a {@link LinkageError} becomes one line.
 */
final class GuardedProvider implements DeviceProvider {
    private final DeviceProvider provider;

    GuardedProvider(DeviceProvider provider) {
        this.provider = provider;
    }

    @Override
    public String name() {
        return provider.name();
    }

    @Override
    public int preference() {
        return provider.preference();
    }

    @Override
    public Optional<String> problem() {
        try {
            return provider.problem();
        } catch (LinkageError e) {
            return Optional.of(line(e));
        }
    }

    @Override
    public List<Finding> findings() {
        try {
            return provider.findings();
        } catch (LinkageError e) {
            return List.of(); // The problem says it.
        }
    }

    @Override
    public Device open(DeviceOptions options) {
        try {
            return provider.open(options);
        } catch (LinkageError e) {
            throw new DeviceException(line(e), e);
        }
    }

    /** A class that is missing is told by a name with slashes: {@code org/x/Y}. */
    private static String line(LinkageError e) {
        String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        if (e instanceof NoClassDefFoundError && message.matches("[\\w$/]+")) {
            return "class "
                    + message.replace('/', '.')
                    + " is missing; add the library that has it to the class path or module path";
        }
        return "a library that it needs does not fit or start: "
                + e.getClass().getSimpleName()
                + ": "
                + message;
    }
}
