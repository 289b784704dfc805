package org.densenet4j.data;

/** Checks which one of several things of a kind is meant. */
final class Index {
    private Index() {}

    /**
     * The index, if there is such a thing.
     *
     * @param what the kind of thing, for the message
     * @param index from 0
     * @param count how many there are
     */
    static int checked(String what, int index, int count) {
        if (index < 0 || index >= count) {
            throw new IndexOutOfBoundsException(
                    what
                            + " = "
                            + index
                            + ": "
                            + (count == 0 ? "there is none" : "use 0 to " + (count - 1)));
        }
        return index;
    }

    /**
     * Checks which images of an endless set are meant.
     *
     * @param first from 0
     * @param count 1 or more
     */
    static void checkRange(int first, int count) {
        if (first < 0 || count < 1 || (long) first + count > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    count + " images from image " + first + " on: use 1 or more, from 0 on");
        }
    }
}
