package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DeviceException;
import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How long a lane that waits for the others keeps its core before it sleeps. A step has hundreds of
 * short passes, so that sleeping costs time; but a lane that waits for one whose core another
 * process has taken keeps that from its core, too.
 */
enum WaitPolicy {
    /** About a millisecond, for a machine of one's own. */
    ACTIVE(20_000),

    /** Some tens of microseconds, for a machine where others work. */
    PASSIVE(500);

    /** The environment variable that chooses. */
    static final String VARIABLE = "DENSENET4J_WAIT";

    private final int spins;

    WaitPolicy(int spins) {
        this.spins = spins;
    }

    /** Times that it looks before it sleeps. */
    int spins() {
        return spins;
    }

    /** What the environment chooses. */
    static WaitPolicy here() {
        return of(System.getenv(VARIABLE));
    }

    /**
     * What a value of the variable stands for; none, or an empty one, for {@link #ACTIVE}.
     *
     * @throws DeviceException for anything else
     */
    static WaitPolicy of(@Nullable String value) {
        if (value == null || value.isEmpty()) {
            return ACTIVE;
        }
        return Arrays.stream(values())
                .filter(policy -> policy.toString().equals(value))
                .findFirst()
                .orElseThrow(
                        () ->
                                new DeviceException(
                                        VARIABLE
                                                + "="
                                                + value
                                                + ": use "
                                                + Arrays.stream(values())
                                                        .map(WaitPolicy::toString)
                                                        .collect(Collectors.joining(" or "))));
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
