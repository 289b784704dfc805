package org.densenet4j.data;

import java.util.List;
import java.util.Objects;

/** Lists that are null nowhere. */
final class WithoutNull {
    private WithoutNull() {}

    /**
     * A copy of a list.
     *
     * @param name of the argument, which is the message where the list or one of its elements is
     *     null
     */
    static <T> List<T> copy(List<T> list, String name) {
        for (T element : Objects.requireNonNull(list, name)) {
            Objects.requireNonNull(element, name);
        }
        return List.copyOf(list);
    }
}
