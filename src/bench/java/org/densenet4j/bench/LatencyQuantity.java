package org.densenet4j.bench;

/** What a process says of its calls; all but {@link #CALLS} in seconds. */
enum LatencyQuantity {
    /** Half of the calls took no longer. */
    MEDIAN("medianSeconds"),
    /** 99 of 100 calls took no longer. */
    P99("p99Seconds"),
    /** Number of calls that were timed. */
    CALLS("calls"),
    /** From the start of the process until the network was loaded and ready for a call. */
    LOADED("loadedSeconds"),
    /** From the start of the process to the first answer. */
    ANSWER("answerSeconds"),
    /** The first call alone. */
    FIRST_CALL("firstCallSeconds"),
    /** The second call. */
    SECOND_CALL("secondCallSeconds");

    private final String key;

    LatencyQuantity(String key) {
        this.key = key;
    }

    /** Its name in what a process prints and in the JSON. */
    String key() {
        return key;
    }
}
