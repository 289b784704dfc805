package org.densenet4j.io.pth;

import org.densenet4j.io.ElementType;

/**
 * The memory behind tensors, as a pickle refers to it.
 *
 * @param key name of the record with the data
 * @param type of the elements
 * @param count number of elements
 */
record Storage(String key, ElementType type, long count) {
    long bytes() {
        return count * type.bytes();
    }
}
